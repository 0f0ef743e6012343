import { expect, test } from "bun:test";
import { readResult } from "./results.ts";

const FILE = "test/kernel/a.test.ts";
const UDP = "kernel tests are skipped: UDP with --hooks tracepoint needs Linux 6.3\n";
const MPTCP = "kernel tests are skipped: MPTCP needs Linux 6.1\n";
const SKIPPED = "\n 3 pass\n 2 skip\n 0 fail\n";

type Counts = [passed: number, failed: number, skipped: number];
const CASES: [what: string, log: string, exitCode: number, counts: Counts][] = [
	["all passed", "\n 3 pass\n 0 fail\n", 0, [3, 0, 0]],
	["one failed", "\n 3 pass\n 1 fail\n", 1, [3, 1, 0]],
	["the last summary counts", " 9 pass\n\n 1 pass\n 0 fail\n", 0, [1, 0, 0]],
	["a run that broke off has failed", "bun test v1\n", 132, [0, 1, 0]],
	["passed, but a bad end", "\n 3 pass\n 0 fail\n", 1, [3, 1, 0]],
	["a run without tests has failed", "\n 0 pass\n 0 fail\n", 0, [0, 1, 0]],
	["what was skipped without a reason has failed", SKIPPED, 0, [3, 2, 0]],
	["what is to be done has failed", "\n 3 pass\n 1 todo\n 0 fail\n", 0, [3, 1, 0]],
];

test.each(CASES)("the words of bun: %s", (_what, log, exitCode, [passed, failed, skipped]) => {
	const result = readResult(FILE, log, exitCode, "6.1.0-56-amd64");
	expect(result).toEqual({ file: FILE, passed, failed, skipped, log });
});

const SKIPS: [what: string, log: string, release: string, counts: Counts][] = [
	["on an older kernel is skipped", UDP + SKIPPED, "6.1.0-56-amd64", [3, 0, 2]],
	["on the first kernel that has it has failed", UDP + SKIPPED, "6.3-amd64", [3, 2, 0]],
	["on a newer kernel has failed", UDP + SKIPPED, "6.12.117+deb13-amd64", [3, 2, 0]],
	["on a kernel of a later series has failed", UDP + SKIPPED, "7.0.1-amd64", [3, 2, 0]],
	["for one reason of two has failed", UDP + MPTCP + SKIPPED, "6.1.0-56-amd64", [3, 2, 0]],
	["for two reasons is skipped", UDP + MPTCP + SKIPPED, "5.10.0-46-amd64", [3, 0, 2]],
];

test.each(SKIPS)("what is skipped %s", (_what, log, release, [passed, failed, skipped]) => {
	const result = readResult(FILE, log, 0, release);
	expect(result).toEqual({ file: FILE, passed, failed, skipped, log });
});
