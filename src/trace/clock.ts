/** The clocks that all tracers of this process go by. docs/adr/0033-one-clock.md */

import { monotonicShiftNs } from "../enrich/time-namespace.ts";
import { boottimeNs, monotonicNs, realtimeNs } from "../ffi/clocks.ts";
import { instantText, type Now } from "../flow/clock.ts";
import { ClockHistory, type ClockReading } from "../flow/clock-history.ts";
import type { Instant } from "../maps/ct-flow.ts";

/** What happens in the last so many milliseconds before the clock is set may have its time after. */
const FOLLOW_MS = 50;
/** A reading is taken again while others had the CPU in between, so many times. */
const TRIES = 5;
const CLOSE_NS = 1000n;
const NS_PER_MS = 1e6;
const NS_PER_SECOND = 1_000_000_000n;

let history: ClockHistory | null = null;
let shiftNs = 0n;
let followers = 0;
let timer: NodeJS.Timeout | null = null;

/** With a reading of now. */
export function clocks(): ClockHistory {
	if (history === null) {
		shiftNs = monotonicShiftNs();
		history = new ClockHistory(reading());
	} else history.follow(reading());
	return history;
}

/** Until disposal clocks are read often, also while nobody reads what has happened. */
export function followClocks(): Disposable {
	clocks();
	followers++;
	timer ??= setInterval(clocks, FOLLOW_MS).unref();
	let isOver = false;
	return {
		[Symbol.dispose]: () => {
			if (isOver) return;
			isOver = true;
			if (--followers > 0 || timer === null) return;
			clearInterval(timer);
			timer = null;
		},
	};
}

/** ISO 8601 in UTC with nanoseconds, by the wall clock as it is set now. */
export function nowIso(): string {
	return instantText(wallClock());
}

/** Since 1970, by the wall clock as it is set now. */
export function wallClock(): Readonly<Instant> {
	const now = realtimeNs();
	return { seconds: Number(now / NS_PER_SECOND), ns: Number(now % NS_PER_SECOND) };
}

/** Of whenever it is asked. */
export const NOW: Now = {
	get elapsedMs() {
		return performance.now();
	},
	get wall() {
		return wallClock();
	},
};

/** For durations: nobody sets it, and it goes on while the machine sleeps. */
export const boottimeMs = (): number => Number(boottimeNs()) / NS_PER_MS;

/** CLOCK_MONOTONIC of BPF programs. */
export const monotonicMs = (): number => Number(monotonicNs() - shiftNs) / NS_PER_MS;

/** The best of some: what others did in between makes it wide. */
function reading(): ClockReading {
	let best = read();
	for (let left = TRIES; left > 0 && best.withinNs > CLOSE_NS; left--) {
		const another = read();
		if (another.withinNs < best.withinNs) best = another;
	}
	return best;
}

function read(): ClockReading {
	const before = monotonicNs();
	const realtime = realtimeNs();
	const boottime = boottimeNs();
	const withinNs = monotonicNs() - before;
	const middle = before + withinNs / 2n;
	return { monotonicNs: middle - shiftNs, realtimeNs: realtime, boottimeNs: boottime, withinNs };
}
