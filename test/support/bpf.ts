/** What the kernel says is loaded. */

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { TIME_FACTOR } from "./time-factor.ts";

interface BpftoolProgram {
	readonly id: number;
	readonly name?: string;
	readonly run_cnt?: number;
}

interface BpftoolLink {
	readonly id: number;
}

export interface BpfIds {
	readonly programs: ReadonlySet<number>;
	readonly links: ReadonlySet<number>;
}

/** It fails when one that it lists is freed meanwhile, by whomever. */
const ATTEMPTS = 20;

function bpftool<T>(...args: string[]): T[] {
	let run = Bun.spawnSync(["bpftool", "-j", ...args]);
	for (let again = 1; !run.success && again < ATTEMPTS; again++)
		run = Bun.spawnSync(["bpftool", "-j", ...args]);
	if (!run.success) throw new Error(`bpftool ${args.join(" ")}: ${run.stdout}${run.stderr}`);
	const list: unknown = JSON.parse(run.stdout.toString());
	return Array.isArray(list) ? list : [];
}

/** What a process holds open, as its file descriptors tell. */
export function bpfIdsOf(pid: number): BpfIds {
	const programs = new Set<number>();
	const links = new Set<number>();
	for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
		const path = `/proc/${pid}/fdinfo/${fd}`;
		// Of one's own process, the one that the directory was read with is there, too.
		const info = existsSync(path) ? readFileSync(path, "utf8") : "";
		const program = /^prog_id:\s*(\d+)$/m.exec(info)?.[1];
		const link = /^link_id:\s*(\d+)$/m.exec(info)?.[1];
		if (program !== undefined) programs.add(Number(program));
		if (link !== undefined) links.add(Number(link));
	}
	return { programs, links };
}

/** Those of the given that the kernel still has. */
export function stillLoaded(ids: BpfIds): BpfIds {
	const programs = bpftool<BpftoolProgram>("prog", "show").map(({ id }) => id);
	const links = bpftool<BpftoolLink>("link", "show").map(({ id }) => id);
	return {
		programs: new Set(programs).intersection(ids.programs),
		links: new Set(links).intersection(ids.links),
	};
}

/** What is left of them when the kernel has had its time to free them: nothing, if all is well. */
export async function leftOf(ids: BpfIds): Promise<BpfIds> {
	const deadline = Date.now() + 20_000 * TIME_FACTOR;
	let rest = stillLoaded(ids);
	while (rest.programs.size + rest.links.size > 0 && Date.now() < deadline) {
		await Bun.sleep(20);
		rest = stillLoaded(ids);
	}
	return rest;
}

export const NOTHING: BpfIds = { programs: new Set(), links: new Set() };

/** How often those of the programs ran whose names begin with `prefix`. Needs BpfStatistics. */
export function runsOf(ids: BpfIds, prefix: string): number {
	const programs = bpftool<BpftoolProgram>("prog", "show").filter(
		({ id, name }) => ids.programs.has(id) && name?.startsWith(prefix),
	);
	if (programs.length === 0) throw new Error(`no program of ours is named ${prefix}…`);
	return programs.reduce((sum, { run_cnt }) => sum + (run_cnt ?? 0), 0);
}

const STATS = "/proc/sys/kernel/bpf_stats_enabled";

/** Lets the kernel count the runs of BPF programs, until disposed. */
export class BpfStatistics implements Disposable {
	readonly #before = readFileSync(STATS, "utf8");

	constructor() {
		writeFileSync(STATS, "1");
	}

	[Symbol.dispose](): void {
		writeFileSync(STATS, this.#before);
	}
}
