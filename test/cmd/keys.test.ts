import { expect, test } from "bun:test";
import { keysOf } from "../../src/cmd/keys.ts";

test.each([
	["q", ["q"]],
	["spq", ["s", "p", "q"]],
	["\x03", ["\x03"]],
	["", []],
	["\x1b", []],
	["\x1b[A", []],
	["\x1b[1;5Cs", ["s"]],
	["\x1bOPs", ["s"]],
	["\x1b[15~q", ["q"]],
	["\x1bqs", ["s"]],
	["é👩q", ["é", "👩", "q"]],
])("%j is %j", (typed, keys) => {
	expect(keysOf(typed)).toEqual(keys);
});
