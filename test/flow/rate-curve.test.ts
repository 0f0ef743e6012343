import { expect, test } from "bun:test";
import { assumedAge, DEFAULT_RATE, intervalAt } from "../../src/flow/rate-curve.ts";

test("the interval is that of the last point that a flow is old enough for", () => {
	for (const [ageMs, seconds] of [
		[0, 20],
		[59_999, 20],
		[60_000, 60],
		[299_999, 60],
		[300_000, 300],
		[1e9, 300],
	] as const)
		expect(intervalAt(DEFAULT_RATE, ageMs)).toBe(seconds * 1000);
});

test("before the first point there is none", () => {
	const late = [{ ageMs: 5000, intervalMs: 10 }];
	expect(intervalAt(late, 4999)).toBe(Number.POSITIVE_INFINITY);
	expect(intervalAt(late, 5000)).toBe(10);
});

test("a flow of unknown age is no newcomer", () => {
	expect(assumedAge(DEFAULT_RATE)).toBe(60_000);
	expect(assumedAge([{ ageMs: 7, intervalMs: 1 }])).toBe(7);
});
