import { expect, test } from "bun:test";
import { parseCsv } from "./csv.ts";

const CASES: [what: string, text: string, rows: string[][]][] = [
	[
		"plain fields",
		"a,b\nc,d\n",
		[
			["a", "b"],
			["c", "d"],
		],
	],
	[
		"CRLF",
		"a,b\r\nc,d\r\n",
		[
			["a", "b"],
			["c", "d"],
		],
	],
	[
		"empty fields",
		"a,,\n,,b\n",
		[
			["a", "", ""],
			["", "", "b"],
		],
	],
	["commas, quotes and newlines in quotes", '"a,b","c""d","e\nf"\n', [["a,b", 'c"d', "e\nf"]]],
];

test.each(CASES)("CSV: %s", (_what, text, rows) => {
	expect(parseCsv(text)).toEqual(rows);
});

test.each(['a"b,c\n', '"a"b\n', '"a\n'])("CSV: a misplaced quote in %j is an error", (text) => {
	expect(() => parseCsv(text)).toThrow("misplaced quote");
});
