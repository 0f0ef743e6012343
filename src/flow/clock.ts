/** Wall-clock time as text with nanoseconds. */

import type { Instant } from "../maps/ct-flow.ts";

/** Texts of seconds that were asked for last, as records of one moment share theirs. */
const SECONDS = 16;
const knownSeconds = new Float64Array(SECONDS).fill(Number.NaN);
const knownTexts: string[] = [];
const BILLION = 1_000_000_000;

/** What clocks show now. */
export interface Now {
	/** Milliseconds of one that nobody sets: for what is due. */
	readonly elapsedMs: number;
	/** The wall clock. */
	readonly wall: Readonly<Instant>;
}

/** ISO 8601 in UTC, with nanoseconds. */
export function instantText({ seconds, ns }: Readonly<Instant>): string {
	const place = seconds % SECONDS;
	if (knownSeconds[place] !== seconds) {
		knownSeconds[place] = seconds;
		knownTexts[place] = new Date(seconds * 1000).toISOString().slice(0, 19);
	}
	return `${knownTexts[place]}.${String(BILLION + ns).slice(1)}Z`;
}

/** ISO 8601 in UTC: "2026-11-21T10:39:00.123456000Z". `epochMs` carries microseconds at best. */
export const isoTime = (epochMs: number): string => {
	const whole = Math.floor(epochMs);
	const micros = Math.floor((epochMs - whole) * 1000);
	return `${new Date(whole).toISOString().slice(0, -1)}${String(micros).padStart(3, "0")}000Z`;
};
