/**
 * The kernel tests on other kernels: `./dev test --kernels 5.10,sid --hooks tracepoint [FILTER…]`.
 * Ends with the line that scripts read; without a filter it also writes docs/kernel-support.md.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Glob } from "bun";
import { bpfObject } from "../support/bpf-object.ts";
import { cProgram } from "../support/c-program.ts";
import { runFiles } from "./job.ts";
import {
	type DebianKernel,
	FAMILIES,
	type Family,
	KERNEL_NAMES,
	selectFamilies,
	selectKernels,
} from "./kernels.ts";
import { type PreparedKernel, prepareKernel } from "./prepare.ts";
import { type MatrixRun, mergeRuns, parseReport, renderReport } from "./report.ts";
import { addUp, type FileResult, summaryLine } from "./results.ts";
import { say } from "./shell.ts";

const ROOT = resolve(import.meta.dir, "../..");
const REPORT = join(ROOT, "docs/kernel-support.md");
/** Those that need a kernel. */
const FILES = new Glob("test/{ffi,kernel,trace}/**/*.test.ts");

const C_PROGRAMS = ["traffic", "sockets", "puppet", "datagrams", "brief", "acceptors"];
const BPF_OBJECTS = ["lose"];

interface Wanted {
	readonly kernels: readonly DebianKernel[];
	readonly families: readonly Family[];
	readonly files: readonly string[];
	/** Some files are left out. */
	readonly isFiltered: boolean;
}

function readArguments(): Wanted {
	const { values, positionals: filters } = parseArgs({
		options: {
			kernels: { type: "string", default: "all" },
			hooks: { type: "string", default: FAMILIES.join(",") },
		},
		allowPositionals: true,
	});
	const all = [...FILES.scanSync(ROOT)].sort();
	const isFiltered = filters.length > 0;
	return {
		kernels: selectKernels(values.kernels),
		families: selectFamilies(values.hooks),
		files: all.filter((file) => !isFiltered || filters.some((filter) => file.includes(filter))),
		isFiltered,
	};
}

function show(result: FileResult): void {
	if (result.failed > 0 || result.skipped > 0) process.stdout.write(result.log);
	const time = /\[([^\]]+)\]\s*$/.exec(result.log)?.[1] ?? "broken off";
	process.stdout.write(`${result.file}: ${summaryLine(result)} (${time})\n`);
}

async function runOne(
	kernel: PreparedKernel,
	hooks: Family,
	files: readonly string[],
): Promise<MatrixRun> {
	const start = performance.now();
	const results = new Map<string, FileResult>();
	say(`${kernel.name} is ${kernel.release}; hooks: ${hooks}`);
	await runFiles(kernel, hooks, files, (result) => {
		results.set(result.file, result);
		show(result);
	});
	const seconds = ((performance.now() - start) / 1000).toFixed(0);
	say(`${kernel.name}, ${hooks}: ${summaryLine(addUp([...results.values()]))}, in ${seconds} s`);
	const { name, release, version } = kernel;
	const date = new Date().toISOString().slice(0, 10);
	return { kernel: name, release, version, hooks, date, results };
}

function writeReport(runs: readonly MatrixRun[]): void {
	const before = existsSync(REPORT) ? parseReport(readFileSync(REPORT, "utf8")) : [];
	writeFileSync(REPORT, renderReport(mergeRuns(before, runs, KERNEL_NAMES)));
}

async function main(): Promise<void> {
	const { kernels, families, files, isFiltered } = readArguments();
	if (files.length === 0) throw new Error("no test file has this in its path");
	// A guest would take long to compile them.
	for (const program of C_PROGRAMS) cProgram(program);
	for (const object of BPF_OBJECTS) bpfObject(object);
	const runs: MatrixRun[] = [];
	for (const each of kernels) {
		const kernel = prepareKernel(each);
		for (const family of families) {
			runs.push(await runOne(kernel, family, files));
			if (!isFiltered) writeReport(runs);
		}
	}
	const sum = addUp(runs.flatMap(({ results }) => [...results.values()]));
	process.stdout.write(`${summaryLine(sum)}\n`);
	if (sum.failed > 0) process.exitCode = 1;
}

try {
	await main();
} catch (error) {
	say(error instanceof Error ? error.message : String(error));
	process.stdout.write(`${summaryLine({ passed: 0, failed: 1, skipped: 0 })}\n`);
	process.exitCode = 1;
}
