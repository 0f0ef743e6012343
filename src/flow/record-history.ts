/**
 * The last records, for readers that come and go and are as slow as they like: each keeps a place of
 * its own, and what it has missed when it comes too late is a number.
 */

/** What is read at one time. */
export interface HistoryPart<T> {
	readonly entries: readonly { readonly place: number; readonly record: T }[];
	/** Records that had to make room before they were read. */
	readonly missed: number;
	/** Where to read on. */
	readonly next: number;
}

export class RecordHistory<T> {
	readonly #most: number;
	readonly #records: T[] = [];
	/** The place of the first record of `#records`, before others took its room. */
	#base = 0;
	#next = 0;

	/** @param most records at one time: the oldest makes room */
	constructor(most: number) {
		this.#most = most;
	}

	/** The place of the record that comes next. */
	get next(): number {
		return this.#next;
	}

	add(record: T): void {
		this.#records[(this.#next - this.#base) % this.#most] = record;
		this.#next++;
	}

	/**
	 * @param from a place: of a record, or where one will be
	 * @param count of records, at most
	 */
	read(from: number, count: number): HistoryPart<T> {
		const first = Math.max(from, this.#next - this.#records.length);
		const next = Math.max(first, Math.min(this.#next, first + count));
		const entries = [];
		for (let place = first; place < next; place++)
			entries.push({ place, record: this.#records[(place - this.#base) % this.#most] as T });
		return { entries, missed: first - from, next };
	}

	/** Whoever reads on has missed what was there. */
	clear(): void {
		this.#records.length = 0;
		this.#base = this.#next;
	}
}
