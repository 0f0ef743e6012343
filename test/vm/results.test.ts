import { expect, test } from "bun:test";
import { readResult } from "./results.ts";

const FILE = "test/kernel/a.test.ts";
const CASES: [what: string, log: string, exitCode: number, counts: [number, number, number]][] = [
	["all passed", "\n 3 pass\n 0 fail\n", 0, [3, 0, 0]],
	["some were skipped", "\n 3 pass\n 1 skip\n 1 todo\n 0 fail\n", 0, [3, 0, 2]],
	["one failed", "\n 3 pass\n 1 fail\n", 1, [3, 1, 0]],
	["the last summary counts", " 9 pass\n\n 1 pass\n 0 fail\n", 0, [1, 0, 0]],
	["a run that broke off has failed", "bun test v1\n", 132, [0, 1, 0]],
	["passed, but a bad end", "\n 3 pass\n 0 fail\n", 1, [3, 1, 0]],
	["a run without tests has failed", "\n 0 pass\n 0 fail\n", 0, [0, 1, 0]],
];

test.each(CASES)("the words of bun: %s", (_what, log, exitCode, [passed, failed, skipped]) => {
	expect(readResult(FILE, log, exitCode)).toEqual({ file: FILE, passed, failed, skipped, log });
});
