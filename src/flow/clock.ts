/** Wall-clock time as text with nanoseconds, from milliseconds with a fraction. */

/** ISO 8601 in UTC, of seconds and nanoseconds since 1970. */
export const instantText = ({ seconds, ns }: { seconds: number; ns: number }): string =>
	`${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(ns).padStart(9, "0")}Z`;

/** ISO 8601 in UTC: "2026-11-21T10:39:00.123456000Z". `epochMs` carries microseconds at best. */
export const isoTime = (epochMs: number): string => {
	const whole = Math.floor(epochMs);
	const micros = Math.floor((epochMs - whole) * 1000);
	return `${new Date(whole).toISOString().slice(0, -1)}${String(micros).padStart(3, "0")}000Z`;
};
