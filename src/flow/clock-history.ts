/**
 * What the wall clock showed at each moment of CLOCK_MONOTONIC, the clock of BPF programs. NTP slews
 * both alike, so their difference changes in steps: when the clock is set, and when the machine
 * sleeps, which CLOCK_MONOTONIC does not count. docs/adr/0033-one-clock.md
 */

import type { Instant } from "../maps/ct-flow.ts";

/** Clocks of one moment, in nanoseconds. */
export interface ClockReading {
	/** As BPF programs see it: not shifted by a time namespace. */
	readonly monotonicNs: bigint;
	readonly realtimeNs: bigint;
	readonly boottimeNs: bigint;
	/** How far apart the three may have been read. */
	readonly withinNs: bigint;
}

/** What to add to CLOCK_MONOTONIC. */
interface Offsets {
	realtimeOffsetNs: bigint;
	boottimeOffsetNs: bigint;
	readonly withinNs: bigint;
}

/** From one moment of CLOCK_MONOTONIC until the next step. */
interface Step extends Readonly<Offsets> {
	readonly fromNs: bigint;
	/** `fromNs`, and the wall clock, as they are at the origin. */
	since: number;
	seconds: number;
	ns: number;
	/** What the machine slept since the first reading, and by how much the clock was set. */
	readonly asleepNs: number;
	readonly setNs: number;
}

const WORD = 2 ** 32;
const WORD_BITS = 32n;
const BILLION = 1_000_000_000;
const NS_PER_SECOND = 1_000_000_000n;
/** The oldest makes room: older times are then told with the offset of the oldest that is left. */
const MOST_STEPS = 1024;
/** Twelve days. Numbers of nanoseconds are exact to 2^53. */
const FARTHEST_NS = 1n << 50n;
/** Between two readings either offset may have held. */
const SLACK_NS = 1e9;

/**
 * Moments are numbers: nanoseconds since an origin near the last reading, exact within 104 days of
 * it, and good until the next call of follow().
 */
export class ClockHistory {
	readonly #steps: Step[] = [];
	readonly #first: Readonly<Offsets>;
	#originNs: bigint;
	#high = 0;
	#low = 0;
	#lastNs: bigint;

	constructor(first: ClockReading) {
		this.#originNs = this.#lastNs = first.monotonicNs;
		const offsets = offsetsOf(first);
		this.#first = offsets;
		this.#add(offsets, first.monotonicNs);
		this.#moveTo(first.monotonicNs);
	}

	/** Steps are told from what reading takes: a difference within that is none. */
	follow(reading: ClockReading): void {
		const { monotonicNs } = reading;
		const last = this.#steps.at(-1) as Step;
		const found = offsetsOf(reading);
		const noise = last.withinNs + reading.withinNs;
		const isSet = isBeyond(found.realtimeOffsetNs - last.realtimeOffsetNs, noise);
		const hasSlept = isBeyond(found.boottimeOffsetNs - last.boottimeOffsetNs, noise);
		// What has not changed keeps its value, to the nanosecond.
		if (!isSet) found.realtimeOffsetNs = last.realtimeOffsetNs;
		if (!hasSlept) found.boottimeOffsetNs = last.boottimeOffsetNs;
		// When since the last reading is not known. What wakes up, or waited for the clock, comes after.
		if (isSet || hasSlept) this.#add(found, this.#lastNs + 1n);
		this.#lastNs = monotonicNs;
		if (isSet || hasSlept || monotonicNs - this.#originNs > FARTHEST_NS) this.#moveTo(monotonicNs);
	}

	/** The moment of the u64 at `offset`, which is of CLOCK_MONOTONIC. */
	since(view: DataView, offset: number): number {
		return (
			(view.getUint32(offset + 4, true) - this.#high) * WORD +
			(view.getUint32(offset, true) - this.#low)
		);
	}

	/** The moment of the last reading. */
	get last(): number {
		return Number(this.#lastNs - this.#originNs);
	}

	/** The wall clock at the origin, by the offset that held at a moment. */
	offsetAt(since: number): Readonly<Instant> {
		return this.#at(since);
	}

	/** With the time that the machine slept in between. */
	durationNs(from: number, to: number): number {
		return to - from + this.#at(to).asleepNs - this.#at(from).asleepNs;
	}

	/** CLOCK_MONOTONIC, in milliseconds: to a microsecond, for a century. */
	monotonicMs(since: number): number {
		return (Number(this.#originNs) + since) / 1e6;
	}

	/** When the wall clock showed this: the last time, where it did so twice. */
	momentOf(time: Readonly<Instant>): number {
		// It may have been since the last reading.
		let until = this.last + SLACK_NS;
		let nearest = this.last;
		let best = SLACK_NS;
		for (let index = this.#steps.length - 1; index >= 0; index--) {
			const step = this.#steps[index] as Step;
			const from = index === 0 ? Number.NEGATIVE_INFINITY : step.since;
			const since = (time.seconds - step.seconds) * BILLION + (time.ns - step.ns);
			const off = Math.max(from - since, since - until, 0);
			if (off === 0) return since;
			if (off < best) [nearest, best] = [since, off];
			until = step.since;
		}
		return nearest;
	}

	/** By how much the clock had been set when it showed this, since the first reading; in nanoseconds. */
	setNsAt(time: Readonly<Instant>): number {
		return this.#steps.length === 1 ? 0 : this.#at(this.momentOf(time)).setNs;
	}

	#at(since: number): Step {
		let index = this.#steps.length - 1;
		while (index > 0 && since < (this.#steps[index] as Step).since) index--;
		return this.#steps[index] as Step;
	}

	#add(offsets: Offsets, fromNs: bigint): void {
		const { realtimeOffsetNs, boottimeOffsetNs } = offsets;
		const asleepNs = Number(boottimeOffsetNs - this.#first.boottimeOffsetNs);
		const setNs = Number(realtimeOffsetNs - this.#first.realtimeOffsetNs) - asleepNs;
		this.#steps.push({ ...offsets, fromNs, ...{ since: 0, seconds: 0, ns: 0, asleepNs, setNs } });
		if (this.#steps.length > MOST_STEPS) this.#steps.shift();
	}

	#moveTo(originNs: bigint): void {
		this.#originNs = originNs;
		this.#high = Number(originNs >> WORD_BITS);
		this.#low = Number(BigInt.asUintN(32, originNs));
		for (const step of this.#steps) {
			const wallNs = originNs + step.realtimeOffsetNs;
			step.since = Number(step.fromNs - originNs);
			step.seconds = Number(wallNs / NS_PER_SECOND);
			step.ns = Number(wallNs % NS_PER_SECOND);
		}
	}
}

const offsetsOf = ({ monotonicNs, realtimeNs, boottimeNs, withinNs }: ClockReading): Offsets => ({
	realtimeOffsetNs: realtimeNs - monotonicNs,
	boottimeOffsetNs: boottimeNs - monotonicNs,
	withinNs,
});

const isBeyond = (difference: bigint, limit: bigint): boolean =>
	difference > limit || difference < -limit;
