/**
 * Which events of a ring buffer can be told now, and in which order. A record gets its place in the
 * buffer a moment before its time, so of two CPUs' records the later one can stand first.
 */
export class EventWindow {
	/** Where records lie, in the order of the buffer. */
	readonly #offsets: Int32Array;
	/** Where the buffer goes on behind each. */
	readonly #ends: Float64Array;
	readonly #times: Float64Array;
	/** Those of settle(), in the order of time. */
	readonly offsets: Int32Array;
	#count = 0;
	#newest = Number.NEGATIVE_INFINITY;
	#isSorted = true;

	/** @param capacity of records */
	constructor(capacity: number) {
		this.#offsets = new Int32Array(capacity);
		this.#ends = new Float64Array(capacity);
		this.#times = new Float64Array(capacity);
		this.offsets = new Int32Array(capacity);
	}

	get newest(): number {
		return this.#newest;
	}

	clear(): void {
		this.#count = 0;
		this.#newest = Number.NEGATIVE_INFINITY;
		this.#isSorted = true;
	}

	/** @param time a number that is exact; settle() takes those of the same clock */
	add(offset: number, end: number, time: number): void {
		const at = this.#count++;
		this.#offsets[at] = offset;
		this.#ends[at] = end;
		this.#times[at] = time;
		if (time < this.#newest) this.#isSorted = false;
		else this.#newest = time;
	}

	get count(): number {
		return this.#count;
	}

	/**
	 * Fills `offsets` with those before which no other can come any more.
	 *
	 * @param until what is not here yet has a later time
	 * @returns how many, and where the buffer goes on behind them; null: nowhere, as there are none
	 */
	settle(until: number): { readonly count: number; readonly end: number | null } {
		const count = this.#settled(until);
		const end = count === 0 ? null : (this.#ends[count - 1] ?? null);
		this.offsets.set(this.#offsets.subarray(0, count));
		if (!this.#isSorted) this.#sort(count);
		return { count, end };
	}

	/** The longest beginning of the buffer of which all are before all of the rest. */
	#settled(until: number): number {
		let count = this.#count;
		let limit = until;
		for (;;) {
			let cut = 0;
			while (cut < count && (this.#times[cut] ?? 0) <= limit) cut++;
			count = cut;
			let least = Number.POSITIVE_INFINITY;
			for (let at = cut; at < this.#count; at++) least = Math.min(least, this.#times[at] ?? 0);
			if (least >= limit) return count;
			limit = least;
		}
	}

	/** By insertion: few stand wrong, and not far from their place. */
	#sort(count: number): void {
		const [offsets, times] = [this.offsets, this.#times];
		for (let at = 1; at < count; at++) {
			const time = times[at] ?? 0;
			const offset = offsets[at] ?? 0;
			let to = at;
			for (; to > 0 && (times[to - 1] ?? 0) > time; to--) {
				times[to] = times[to - 1] ?? 0;
				offsets[to] = offsets[to - 1] ?? 0;
			}
			times[to] = time;
			offsets[to] = offset;
		}
	}
}
