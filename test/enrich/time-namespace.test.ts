import { expect, test } from "bun:test";
import { parseShift } from "../../src/enrich/time-namespace.ts";

test.each([
	["monotonic           0         0\nboottime            0         0\n", 0n],
	["monotonic   315360000         5\nboottime            7         0\n", 315_360_000_000_000_005n],
	["monotonic          -2 500000000\nboottime            0         0\n", -1_500_000_000n],
	["1 -10 0\n7 0 0\n", -10_000_000_000n],
	["boottime            9         0\n", 0n],
	["", 0n],
])("%j shifts the clock by %d ns", (text, ns) => {
	expect(parseShift(text)).toBe(ns);
});
