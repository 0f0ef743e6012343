import { expect, test } from "bun:test";
import { type MatrixRun, mergeRuns, parseReport, renderReport } from "./report.ts";

const KNOWN = {
	kernels: ["5.10", "6.1", "sid"],
	files: ["test/kernel/churn.test.ts", "test/kernel/udp.test.ts", "test/new.test.ts"],
};
const ONE = { passed: 1, failed: 0, skipped: 0 };

function runOf(kernel: string, hooks: string, failed = 0): MatrixRun {
	const results = new Map([
		["test/kernel/churn.test.ts", { passed: 3, failed, skipped: 0 }],
		["test/kernel/udp.test.ts", { passed: 0, failed: 0, skipped: 2 }],
	]);
	return {
		kernel,
		release: `${kernel}.0-amd64`,
		version: `${kernel}.0-1`,
		hooks,
		date: "2026-01-02",
		results,
	};
}

test("a report says what failed and what was skipped", () => {
	const text = renderReport([runOf("6.1", "kprobe", 1)]);
	expect(text).toContain("| 6.1 | 6.1.0-amd64 | 6.1.0-1 | kprobe | 2026-01-02 | 3 | 1 | 2 |\n");
	expect(text).toContain("| test | 6.1 kprobe |\n");
	expect(text).toContain("| test/kernel/churn.test.ts | 3, **1 failed** |\n");
	expect(text).toContain("| test/kernel/udp.test.ts | 0, 2 skipped |\n");
});

test("a report says which features hold", () => {
	const text = renderReport([runOf("6.1", "kprobe", 1), runOf("6.1", "tracepoint")]);
	expect(text).toContain("| feature | 6.1 kprobe | 6.1 tracepoint |\n");
	expect(text).toContain("| tcp_lifecycle | **1 failed** | yes |\n");
	expect(text).toContain("| udp | - | - |\n");
	expect(text).toContain("| resets |  |  |\n");
});

test("a run of some files leaves the others, and none that is gone", () => {
	const results = new Map([
		["test/kernel/churn.test.ts", ONE],
		["test/gone.test.ts", ONE],
	]);
	const [run] = mergeRuns(
		[runOf("6.1", "kprobe")],
		[{ ...runOf("6.1", "kprobe"), results }],
		KNOWN,
	);
	expect([...(run?.results ?? [])]).toEqual([
		["test/kernel/churn.test.ts", ONE],
		["test/kernel/udp.test.ts", { passed: 0, failed: 0, skipped: 2 }],
	]);
});

test("what a report says is read back", () => {
	const runs = [runOf("5.10", "kprobe"), runOf("6.1", "kprobe", 12), runOf("6.1", "tracepoint")];
	expect(parseReport(renderReport(runs))).toEqual(runs);
});

test("a test file that a kernel has not run stays without counts", () => {
	const other = { ...runOf("sid", "fentry"), results: new Map([["test/new.test.ts", ONE]]) };
	const runs = [runOf("6.1", "fentry"), other];
	expect(parseReport(renderReport(runs))).toEqual(runs);
});

test("a run takes the place of the one before, in the order of kernels and families", () => {
	const before = [runOf("sid", "tracepoint"), runOf("6.1", "tracepoint"), runOf("4.19", "kprobe")];
	const now = [runOf("6.1", "tracepoint", 7), runOf("6.1", "kprobe"), runOf("5.10", "tracepoint")];
	expect(mergeRuns(before, now, KNOWN)).toEqual([
		runOf("5.10", "tracepoint"),
		runOf("6.1", "kprobe"),
		runOf("6.1", "tracepoint", 7),
		runOf("sid", "tracepoint"),
	]);
});

test.each(["", "# Nothing\n", "| a |\n| --- |\n| b |\n"])("no report in %j", (text) => {
	expect(parseReport(text)).toEqual([]);
});
