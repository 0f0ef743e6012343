import { describe, expect, test } from "bun:test";
import { editDistance, nearest } from "../../src/cmd/nearest.ts";

describe("edit distance", () => {
	for (const [from, to, expected] of [
		["", "", 0],
		["abc", "abc", 0],
		["", "abc", 3],
		["abc", "", 3],
		["abc", "abd", 1],
		["abc", "abcd", 1],
		["abc", "bc", 1],
		["abc", "acb", 1],
		["kitten", "sitting", 3],
	] as const) {
		test(`${from} → ${to}`, () => expect(editDistance(from, to)).toBe(expected));
	}
});

describe("the nearest name", () => {
	const names = ["interval", "process", "port", "pid"];
	for (const [typed, expected] of [
		["intervall", "interval"],
		["INTERVAL", "interval"],
		["prot", "port"],
		["proccess", "process"],
		["pdi", "pid"],
		["frobnicate", null],
		["x", null],
		["", null],
	] as const) {
		test(typed, () => expect(nearest(typed, names)).toBe(expected));
	}
});
