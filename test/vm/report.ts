/** docs/kernel-support.md: what passes where. A run replaces its own columns and keeps the others. */

import type { FeatureName } from "../../src/flow/doctor.ts";
import { addUp, type Counts } from "./results.ts";

/** One kernel with one hook family. */
export interface MatrixRun {
	/** As `--kernels` calls it. */
	readonly kernel: string;
	readonly release: string;
	/** Of Debian's package. */
	readonly version: string;
	readonly hooks: string;
	/** YYYY-MM-DD */
	readonly date: string;
	/** By the path of the test file. */
	readonly results: ReadonlyMap<string, Counts>;
}

const INTRODUCTION = `# Kernel support

What the tests that load, attach and trace say on Debian's kernels, each booted in a virtual machine.
\`./dev test --kernels all\` writes this page; a run of some kernels, or with \`--report\` of some files, replaces what they say. Tables of cases in which the kernel has no part are run in
part, and what is about user space alone is not run at all: for those see \`./dev test\`.

`;
const BY_FEATURE = `
What holds: all tests of a feature have passed. \`-\`: this kernel has no hooks of the family for it; nothing: not run.

`;
const TESTS = `
The tests that passed, file by file; those that failed or were skipped are named as such.

`;

function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): string {
	const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
	return line(header) + line(header.map(() => "---")) + rows.map(line).join("");
}

/** Of all tables in the text, without their headers' lines. */
function tablesIn(text: string): { header: string[]; rows: string[][] }[] {
	const lines = text.split("\n").map((line) => {
		return line.startsWith("| ") ? line.slice(2, -2).split(" | ") : null;
	});
	const tables: { header: string[]; rows: string[][] }[] = [];
	lines.forEach((cells, index) => {
		if (cells === null) return;
		if ((lines[index - 1] ?? null) === null) tables.push({ header: cells, rows: [] });
		else if (cells[0] !== "---") tables.at(-1)?.rows.push(cells);
	});
	return tables;
}

const NOT_RUN = "";

/** The test files of each feature. */
const FEATURES: readonly (readonly [name: FeatureName, files: RegExp])[] = [
	["tcp_lifecycle", /churn|edges|interrupted|odd-opens|open\.|refused|seed-|ends|events|listeners/],
	["accept", /attribution|blocked-accept|handover|prefork/],
	["existing_sockets", /preexisting|list[.-]/],
	["udp", /udp/],
	["udp_peers", /udp-peers/],
	["retransmissions", /retransmits/],
	["resets", /resets/],
];

/** All families agree, record by record. */
const AGREEMENT = /families/;

function verdictOf(results: MatrixRun["results"], files: RegExp): string {
	const found = [...results].filter(([file]) => files.test(file));
	const { passed, failed, skipped } = addUp(found.map(([, counts]) => counts));
	if (failed > 0) return `**${failed} failed**`;
	if (passed > 0) return "yes";
	return skipped > 0 ? "-" : NOT_RUN;
}

function featureRows(runs: readonly MatrixRun[]): string[][] {
	const rows = [...FEATURES, ["the same as by other families", AGREEMENT] as const];
	return rows.map(([name, files]) => [name, ...runs.map((run) => verdictOf(run.results, files))]);
}

function cellOf(counts: Counts | undefined): string {
	if (counts === undefined) return NOT_RUN;
	const { passed, failed, skipped } = counts;
	const parts = [`${passed}`];
	if (failed > 0) parts.push(`**${failed} failed**`);
	if (skipped > 0) parts.push(`${skipped} skipped`);
	return parts.join(", ");
}

function countsOf(cell: string): Counts | null {
	if (cell.trim() === NOT_RUN) return null;
	const count = (word: string): number => Number(new RegExp(`(\\d+) ${word}`).exec(cell)?.[1] ?? 0);
	return { passed: Number.parseInt(cell, 10), failed: count("failed"), skipped: count("skipped") };
}

const columnOf = ({ kernel, hooks }: MatrixRun): string => `${kernel} ${hooks}`;

/** What an earlier report says. */
export function parseReport(text: string): MatrixRun[] {
	const [runs, , tests] = tablesIn(text);
	if (runs === undefined || tests === undefined) return [];
	return runs.rows.map(([kernel = "", release = "", version = "", hooks = "", date = ""]) => {
		const column = tests.header.indexOf(`${kernel} ${hooks}`);
		const results = new Map<string, Counts>();
		for (const row of tests.rows) {
			const counts = countsOf(row[column] ?? "");
			if (counts !== null) results.set(row[0] ?? "", counts);
		}
		return { kernel, release, version, hooks, date, results };
	});
}

export interface Known {
	/** In the order of the report. */
	readonly kernels: readonly string[];
	readonly files: readonly string[];
}

/** What was run takes the place of what was run before. Kernels in their order, families by name. */
export function mergeRuns(
	before: readonly MatrixRun[],
	now: readonly MatrixRun[],
	{ kernels, files }: Known,
): MatrixRun[] {
	const all = new Map<string, MatrixRun>();
	for (const run of [...before, ...now]) {
		const earlier = all.get(columnOf(run))?.results ?? [];
		const results = [...earlier, ...run.results].filter(([file]) => files.includes(file));
		all.set(columnOf(run), { ...run, results: new Map(results) });
	}
	return [...all.values()]
		.filter(({ kernel }) => kernels.includes(kernel))
		.sort(
			(a, b) =>
				kernels.indexOf(a.kernel) - kernels.indexOf(b.kernel) || (a.hooks < b.hooks ? -1 : 1),
		);
}

export function renderReport(runs: readonly MatrixRun[]): string {
	const summary = runs.map((run) => {
		const { passed, failed, skipped } = addUp([...run.results.values()]);
		const { kernel, release, version, hooks, date } = run;
		return [kernel, release, version, hooks, date, ...[passed, failed, skipped].map(String)];
	});
	const files = [...new Set(runs.flatMap((run) => [...run.results.keys()]))].sort();
	const header = ["kernel", "release", "package", "hooks", "run", "passed", "failed", "skipped"];
	return (
		INTRODUCTION +
		tableOf(header, summary) +
		BY_FEATURE +
		tableOf(["feature", ...runs.map(columnOf)], featureRows(runs)) +
		TESTS +
		tableOf(
			["test", ...runs.map(columnOf)],
			files.map((file) => [file, ...runs.map((run) => cellOf(run.results.get(file)))]),
		)
	);
}
