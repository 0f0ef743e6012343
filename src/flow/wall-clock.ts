/** Moments of a ClockHistory as text. */

import type { ClockHistory } from "./clock-history.ts";

const NS_PER_SECOND = 1_000_000_000;

/** The same second is asked for thousands of times, so its text is kept. */
export class WallClock {
	readonly #clocks: ClockHistory;
	#second = Number.NaN;
	#prefix = "";

	constructor(clocks: ClockHistory) {
		this.#clocks = clocks;
	}

	/** ISO 8601 in UTC with nanoseconds. */
	text(since: number): string {
		const ns = this.set(since);
		return `${this.#prefix}${String(ns).padStart(9, "0")}Z`;
	}

	/** The text as far as the point, of what was set last. */
	get prefix(): string {
		return this.#prefix;
	}

	/** @returns the nanoseconds behind the point */
	set(since: number): number {
		const offset = this.#clocks.offsetAt(since);
		const whole = Math.floor(since / NS_PER_SECOND);
		const ns = since - whole * NS_PER_SECOND + offset.ns;
		const carry = ns >= NS_PER_SECOND ? 1 : 0;
		const second = whole + offset.seconds + carry;
		if (second !== this.#second) {
			this.#second = second;
			this.#prefix = new Date(second * 1000).toISOString().slice(0, -4);
		}
		return ns - carry * NS_PER_SECOND;
	}

	/** The same in two numbers. */
	read(since: number, into: { seconds: number; ns: number }): void {
		into.ns = this.set(since);
		into.seconds = this.#second;
	}
}
