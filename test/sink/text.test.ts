import { describe, expect, test } from "bun:test";
import { fieldText, safeJson, safeText } from "../../src/sink/text.ts";

describe("safe text", () => {
	test.each([
		["plain", "plain"],
		["", ""],
		["a b", "a b"],
		["\x1b[31mred", "\\x1b[31mred"],
		["a\nb\rc\td", "a\\nb\\rc\\td"],
		["\0\x07\x7f", "\\x00\\x07\\x7f"],
		["\x80\x9b31m\x9f", "\\x80\\x9b31m\\x9f"],
		["a\u2028b\u2029c", "a\\u2028b\\u2029c"],
		["\u202egnp.exe", "\\u202egnp.exe"],
		["\u200e\u200f\u061c\u2066\u2069", "\\u200e\\u200f\\u061c\\u2066\\u2069"],
		["ssh\u200bd\ufeff", "ssh\\u200bd\\ufeff"],
		["\u{e0041}", "\\u{e0041}"],
		["\ud800x\udc00", "\\ud800x\\udc00"],
		["日本 é é 😀 👩‍👧 \xa0", "日本 é é 😀 👩‍👧 \xa0"],
		['"quotes", =commas', '"quotes", =commas'],
	])("%j becomes %j", (text, expected) => {
		expect(safeText(text)).toBe(expected);
	});
});

describe("a field for awk", () => {
	test.each([
		[null, "-"],
		["", "-"],
		["-", "\\x2d"],
		["a b", "a\\x20b"],
		["a\xa0b\u3000c", "a\\xa0b\\u3000c"],
		["\t", "\\t"],
		["日本", "日本"],
	])("%j becomes %j", (text, expected) => {
		expect(fieldText(text)).toBe(expected);
	});
});

test.each([
	["\x7f\x9b", '"\\u007f\\u009b"'],
	["\u2028\u202e", '"\\u2028\\u202e"'],
	["\u{e0041}", '"\\udb40\\udc41"'],
	["\ud800", '"\\ud800"'],
	["日本 😀", '"日本 😀"'],
])("JSON of %j is %s", (text, expected) => {
	const json = safeJson(JSON.stringify(text));
	expect(json).toBe(expected);
	expect(JSON.parse(json)).toBe(text);
});
