/**
 * The kernel tests on other kernels: `./dev test --kernels 5.10,sid --hooks tracepoint [FILTER…]`;
 * with --arch arm64 on emulated machines of that kind. Ends with the line that scripts read; without
 * a filter, or with --report, it also writes docs/kernel-support.md. --guests N runs so many at once,
 * in place of one for each CPU; with --optional a kernel that cannot be had is skipped.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Architecture } from "../../packaging/apt.ts";
import { say } from "../../packaging/shell.ts";
import { hostTarget } from "../../packaging/target.ts";
import { allFiles, filesFor, selectFiles } from "./files.ts";
import { emulatorOf } from "./guest.ts";
import { type Place, runFiles } from "./job.ts";
import {
	type DebianKernel,
	FAMILIES,
	type Family,
	familiesOn,
	KERNEL_NAMES,
	selectArchitecture,
	selectFamilies,
	selectKernels,
} from "./kernels.ts";
import { prepareMachine } from "./machine.ts";
import { type PreparedKernel, prepareKernel } from "./prepare.ts";
import { type MatrixRun, mergeRuns, parseReport, renderReport } from "./report.ts";
import { addUp, type FileResult, summaryLine } from "./results.ts";

const ROOT = resolve(import.meta.dir, "../..");
const REPORT = join(ROOT, "docs/kernel-support.md");

interface Wanted {
	readonly architecture: Architecture;
	readonly kernels: readonly DebianKernel[];
	readonly families: readonly Family[];
	readonly files: readonly string[];
	/** A kernel that cannot be had is skipped. */
	readonly isOptional: boolean;
	/** By default only where no file is left out. */
	readonly hasReport: boolean;
	readonly guests: number;
}

function readArguments(): Wanted {
	const { values, positionals: filters } = parseArgs({
		options: {
			arch: { type: "string", default: hostTarget().architecture },
			kernels: { type: "string", default: "all" },
			hooks: { type: "string", default: FAMILIES.join(",") },
			optional: { type: "boolean", default: false },
			report: { type: "boolean", default: false },
			guests: { type: "string", default: `${availableParallelism()}` },
		},
		allowPositionals: true,
	});
	const guests = Number(values.guests);
	if (!(guests >= 1)) throw new Error(`--guests ${values.guests}: must be a number, from 1`);
	return {
		architecture: selectArchitecture(values.arch),
		kernels: selectKernels(values.kernels),
		families: selectFamilies(values.hooks),
		files: selectFiles(filters),
		isOptional: values.optional,
		hasReport: values.report || filters.length === 0,
		guests,
	};
}

function show(result: FileResult): void {
	if (result.failed > 0 || result.skipped > 0) process.stdout.write(result.log);
	const time = /\[([^\]]+)\]\s*$/.exec(result.log)?.[1] ?? "broken off";
	process.stdout.write(`${result.file}: ${summaryLine(result)} (${time})\n`);
}

async function runOne(place: Place, { files, guests }: Wanted): Promise<MatrixRun> {
	const { kernel, family: hooks } = place;
	const start = performance.now();
	const results = new Map<string, FileResult>();
	say(`${kernel.name} is ${kernel.release}; hooks: ${hooks}`);
	const onResult = (result: FileResult): void => {
		results.set(result.file, result);
		show(result);
	};
	await runFiles({ ...place, files, guests, onResult });
	const seconds = ((performance.now() - start) / 1000).toFixed(0);
	say(`${kernel.name}, ${hooks}: ${summaryLine(addUp([...results.values()]))}, in ${seconds} s`);
	const { name, release, version } = kernel;
	const date = new Date().toISOString().slice(0, 10);
	return { kernel: name, release, version, hooks, date, results };
}

function writeReport(runs: readonly MatrixRun[]): void {
	const before = existsSync(REPORT) ? parseReport(readFileSync(REPORT, "utf8")) : [];
	writeFileSync(
		REPORT,
		renderReport(mergeRuns(before, runs, { kernels: KERNEL_NAMES, files: allFiles() })),
	);
}

/** Null where it cannot be had, for want of a network or of an emulator, and need not be. */
function prepare(
	kernel: DebianKernel,
	{ architecture, isOptional }: Wanted,
): PreparedKernel | null {
	try {
		const emulator = emulatorOf(architecture);
		if (Bun.which(emulator) === null) throw new Error(`${emulator} is not installed`);
		return prepareKernel(kernel, architecture);
	} catch (error) {
		if (!isOptional) throw error;
		const [reason] = (error instanceof Error ? error.message : String(error)).split("\n").slice(-2);
		process.stdout.write(`(skip) the tests on Linux ${kernel.name}: ${reason}\n`);
		return null;
	}
}

async function main(): Promise<void> {
	const wanted = readArguments();
	const { architecture, kernels, files, hasReport } = wanted;
	if (files.length === 0) throw new Error("no test file has this in its path");
	const machine = await prepareMachine(architecture);
	const runs: MatrixRun[] = [];
	let missing = 0;
	for (const each of kernels) {
		const kernel = prepare(each, wanted);
		if (kernel === null) {
			missing++;
			continue;
		}
		const families = familiesOn(architecture, each, wanted.families);
		for (const family of families) {
			const some = { ...wanted, files: filesFor(files, family === families[0]) };
			runs.push(await runOne({ kernel, machine, family }, some));
			if (hasReport) writeReport(runs);
		}
	}
	const { passed, failed, skipped } = addUp(runs.flatMap(({ results }) => [...results.values()]));
	const sum = { passed, failed, skipped: skipped + missing };
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
