/**
 * Puts events of several CPUs in the order of time. A record gets its place in the ring buffer a
 * moment before its time, so two of them can stand the wrong way round; a moment later they can't.
 */

import type { EventRecord } from "./records.ts";

interface Waiting {
	readonly timeNs: number;
	readonly record: EventRecord;
}

export class EventOrder {
	#waiting: Waiting[] = [];
	#isSorted = true;
	#newest = 0;

	/** The time of the youngest event so far. */
	get newestNs(): number {
		return this.#newest;
	}

	add(timeNs: number, record: EventRecord): void {
		if (timeNs < this.#newest) this.#isSorted = false;
		else this.#newest = timeNs;
		this.#waiting.push({ timeNs, record });
	}

	/** Those up to a time before which no other can come any more. */
	take(untilNs: number): EventRecord[] {
		if (!this.#isSorted) this.#waiting.sort((a, b) => a.timeNs - b.timeNs);
		this.#isSorted = true;
		const end = this.#waiting.findIndex(({ timeNs }) => timeNs > untilNs);
		const ready = end < 0 ? this.#waiting : this.#waiting.slice(0, end);
		this.#waiting = end < 0 ? [] : this.#waiting.slice(end);
		return ready.map(({ record }) => record);
	}
}
