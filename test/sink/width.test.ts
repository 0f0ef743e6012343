import { describe, expect, test } from "bun:test";
import { cutText, padText, wrappedHeight } from "../../src/sink/width.ts";

describe("text that is too long", () => {
	test.each<[string, number, "end" | "middle", string]>([
		["process", 7, "end", "process"],
		["process", 6, "end", "proce…"],
		["process", 1, "end", "…"],
		["process", 0, "end", ""],
		["[2001:db8::1]:443", 12, "middle", "[2001:…]:443"],
		["abcdef", 5, "middle", "ab…ef"],
		["abcdef", 4, "middle", "ab…f"],
		["abcdef", 2, "middle", "a…"],
		["日本語", 6, "end", "日本語"],
		["日本語", 5, "end", "日本…"],
		["日本語", 4, "end", "日…"],
		["日本語語", 6, "middle", "日…語"],
		["e\u0301e\u0301e\u0301", 2, "end", "e\u0301…"],
		["👩‍👧👩‍👧", 3, "end", "👩‍👧…"],
	])("%s in %d columns loses its %s: %s", (text, width, where, expected) => {
		expect(cutText(text, width, where)).toBe(expected);
	});
});

test.each<[string, number, "left" | "right", string]>([
	["ab", 4, "left", "ab  "],
	["ab", 4, "right", "  ab"],
	["日本", 5, "left", "日本 "],
	["abcde", 4, "left", "abcde"],
])("%s padded to %d columns, %s", (text, width, align, expected) => {
	expect(padText(text, width, align)).toBe(expected);
});

test.each([
	["", 10, 1],
	["0123456789", 10, 1],
	["0123456789x", 10, 2],
	["012345678901234567890", 10, 3],
	["012345678日x", 10, 2],
	["日日日", 5, 2],
])("%j takes lines when it wraps at %d: %d", (text, columns, height) => {
	expect(wrappedHeight(text, columns)).toBe(height);
});
