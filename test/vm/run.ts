/**
 * The kernel tests on other kernels: `./dev test --kernels 5.10,sid --hooks tracepoint [FILTER…]`.
 * Ends with the line that scripts read; without a filter it also writes docs/kernel-support.md.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
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
/** Of these, those about user space: options, ends of processes, text, who calls what. */
const OF_USER_SPACE: readonly string[] = [
	...[
		"test/ffi/log",
		"test/kernel/ends",
		"test/kernel/hostile",
		"test/kernel/top",
		"test/trace/ends",
	],
	...["test/trace/flow-tracer", "test/trace/hook-choice", "test/trace/polling"],
	"test/trace/probe-reasons",
].map((name) => `${name}.test.ts`);

const C_PROGRAMS = ["traffic", "sockets", "puppet", "datagrams", "brief", "acceptors"];
const BPF_OBJECTS = ["lose"];

interface Wanted {
	readonly kernels: readonly DebianKernel[];
	readonly families: readonly Family[];
	readonly files: readonly string[];
	/** Some files are left out. */
	readonly isFiltered: boolean;
	readonly guests: number;
}

function readArguments(): Wanted {
	const { values, positionals: filters } = parseArgs({
		options: {
			kernels: { type: "string", default: "all" },
			hooks: { type: "string", default: FAMILIES.join(",") },
			guests: { type: "string", default: `${availableParallelism()}` },
		},
		allowPositionals: true,
	});
	const all = [...FILES.scanSync(ROOT)].filter((file) => !OF_USER_SPACE.includes(file)).sort();
	const isFiltered = filters.length > 0;
	const guests = Number(values.guests);
	if (!(guests >= 1)) throw new Error(`--guests ${values.guests}: must be a number, from 1`);
	return {
		kernels: selectKernels(values.kernels),
		families: selectFamilies(values.hooks),
		files: all.filter((file) => !isFiltered || filters.some((filter) => file.includes(filter))),
		isFiltered,
		guests,
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
	{ files, guests }: Wanted,
): Promise<MatrixRun> {
	const start = performance.now();
	const results = new Map<string, FileResult>();
	say(`${kernel.name} is ${kernel.release}; hooks: ${hooks}`);
	const onResult = (result: FileResult): void => {
		results.set(result.file, result);
		show(result);
	};
	await runFiles({ kernel, family: hooks, files, guests, onResult });
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
	const wanted = readArguments();
	const { kernels, families, files, isFiltered } = wanted;
	if (files.length === 0) throw new Error("no test file has this in its path");
	// A guest would take long to compile them.
	for (const program of C_PROGRAMS) cProgram(program);
	for (const object of BPF_OBJECTS) bpfObject(object);
	const runs: MatrixRun[] = [];
	for (const each of kernels) {
		const kernel = prepareKernel(each);
		for (const family of families) {
			runs.push(await runOne(kernel, family, wanted));
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
