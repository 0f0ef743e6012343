/** Wall-clock time as text with nanoseconds, from milliseconds with a fraction. */

/** Texts of seconds that were asked for last, as records of one moment share theirs. */
const SECONDS = 16;
const knownSeconds = new Float64Array(SECONDS).fill(Number.NaN);
const knownTexts: string[] = [];
const BILLION = 1_000_000_000;

/** ISO 8601 in UTC, of seconds and nanoseconds since 1970. */
export function instantText({ seconds, ns }: { seconds: number; ns: number }): string {
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
