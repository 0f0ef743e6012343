/**
 * The last records, for readers that come and go and are as slow as they like: each keeps a place of
 * its own, and what it has missed when it comes too late is a number.
 */

/** What is read at one time. */
export interface HistoryPart<T> {
	readonly entries: readonly { readonly place: number; readonly record: T }[];
	/** Records that were dropped before they were read. */
	readonly missed: number;
	/** Where to read on. */
	readonly next: number;
}

export class RecordHistory<T> {
	readonly #most: number;
	/** A ring, its first record that of the place `#base`; undefined where one was dropped. */
	readonly #records: (T | undefined)[] = [];
	#base = 0;
	#first = 0;
	#next = 0;

	/** @param most records at one time: the oldest makes room */
	constructor(most: number) {
		this.#most = most;
	}

	/** The place of the record that comes next. */
	get next(): number {
		return this.#next;
	}

	/** Records that there are. */
	get size(): number {
		return this.#next - this.#first;
	}

	add(record: T): void {
		if (this.size === this.#most) this.#first++;
		this.#records[this.#slot(this.#next)] = record;
		this.#next++;
	}

	/**
	 * @param from a place: of a record, or where one will be
	 * @param count of records, at most
	 */
	read(from: number, count: number): HistoryPart<T> {
		const first = Math.max(from, this.#first);
		const next = Math.max(first, Math.min(this.#next, first + count));
		const entries = [];
		for (let place = first; place < next; place++)
			entries.push({ place, record: this.#records[this.#slot(place)] as T });
		return { entries, missed: first - from, next };
	}

	/** Nobody will read what came before `place`. */
	dropBefore(place: number): void {
		const until = Math.min(place, this.#next);
		for (; this.#first < until; this.#first++) this.#records[this.#slot(this.#first)] = undefined;
		if (this.size > 0) return;
		this.#records.length = 0;
		this.#base = this.#next;
	}

	#slot(place: number): number {
		return (place - this.#base) % this.#most;
	}
}
