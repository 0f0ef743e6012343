/** CLOCK_MONOTONIC nanoseconds, the time of BPF programs, as text. */

const NS_PER_SECOND = 1_000_000_000;

/** The same second is asked for thousands of times, so its text is kept. */
export class WallClock {
	readonly #offsetSeconds: number;
	readonly #offsetNs: number;
	#second = Number.NaN;
	#prefix = "";

	/** `offsetNs` is what to add to CLOCK_MONOTONIC for the time since 1970. */
	constructor(offsetNs: bigint) {
		this.#offsetSeconds = Number(offsetNs / BigInt(NS_PER_SECOND));
		this.#offsetNs = Number(offsetNs % BigInt(NS_PER_SECOND));
	}

	/** ISO 8601 in UTC with nanoseconds. `monotonicNs` is exact for the first 104 days after boot. */
	text(monotonicNs: number): string {
		const ns = this.set(monotonicNs);
		return `${this.#prefix}${String(ns).padStart(9, "0")}Z`;
	}

	/** The text as far as the point, of what was set last. */
	get prefix(): string {
		return this.#prefix;
	}

	/** @returns the nanoseconds behind the point */
	set(monotonicNs: number): number {
		const whole = Math.floor(monotonicNs / NS_PER_SECOND);
		const ns = monotonicNs - whole * NS_PER_SECOND + this.#offsetNs;
		const carry = ns >= NS_PER_SECOND ? 1 : 0;
		const second = whole + this.#offsetSeconds + carry;
		if (second !== this.#second) {
			this.#second = second;
			this.#prefix = new Date(second * 1000).toISOString().slice(0, -4);
		}
		return ns - carry * NS_PER_SECOND;
	}

	/** The same in two numbers. */
	read(monotonicNs: number, into: { seconds: number; ns: number }): void {
		into.ns = this.set(monotonicNs);
		into.seconds = this.#second;
	}
}
