/** What the kernel says is loaded. */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { until } from "./until.ts";

interface BpftoolProgram {
	readonly id: number;
	readonly name?: string;
	readonly run_cnt?: number;
	readonly recursion_misses?: number;
	readonly bytes_xlated?: number;
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

/** "" of a file that has been closed since its directory was read. */
function readIfThere(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return "";
	}
}

/** What a line of this name has, in the description of each file that a process holds open. */
function idsOf(pid: number, line: string): number[] {
	return readdirSync(`/proc/${pid}/fdinfo`).flatMap((fd) => {
		const info = readIfThere(`/proc/${pid}/fdinfo/${fd}`);
		const id = new RegExp(`^${line}:\\s*(\\d+)$`, "m").exec(info)?.[1];
		return id === undefined ? [] : [Number(id)];
	});
}

/** What a process holds open, as its file descriptors tell. */
export function bpfIdsOf(pid: number): BpfIds {
	return { programs: new Set(idsOf(pid, "prog_id")), links: new Set(idsOf(pid, "link_id")) };
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

/** The kernel takes its time to free them. */
export async function untilFreed(ids: BpfIds): Promise<void> {
	const left = (): readonly number[] => {
		const { programs, links } = stillLoaded(ids);
		return [...programs, ...links];
	};
	await until("the kernel to free BPF programs and links", () => left().length === 0, {
		soFar: () => `left: ${left()}`,
	});
}

export const NOTHING: BpfIds = { programs: new Set(), links: new Set() };

/**
 * How often those of the programs ran whose names begin with one of `prefixes`, or would have if the
 * kernel had not skipped them. Needs BpfStatistics.
 */
export function runsOf(ids: BpfIds, ...prefixes: readonly string[]): number {
	const programs = bpftool<BpftoolProgram>("prog", "show").filter(
		({ id, name }) => ids.programs.has(id) && prefixes.some((prefix) => name?.startsWith(prefix)),
	);
	if (programs.length === 0)
		throw new Error(`no program of ours is named ${prefixes.join("… or ")}…`);
	return programs.reduce(
		(sum, { run_cnt = 0, recursion_misses = 0 }) => sum + run_cnt + recursion_misses,
		0,
	);
}

/** Bytes of instructions, by program name, as the kernel has them after its checks. */
export function programSizes(ids: BpfIds): Map<string, number> {
	const ours = bpftool<BpftoolProgram>("prog", "show").filter(({ id }) => ids.programs.has(id));
	return new Map(ours.map(({ name = "", bytes_xlated = 0 }) => [name, bytes_xlated]));
}

interface BpftoolEntry {
	/** Bytes, in hexadecimal. */
	readonly key: readonly string[];
	readonly value: readonly string[];
}

/** A map that a process holds open, as bpftool reads and writes it. */
export class HeldMap {
	readonly #id: string;

	constructor(pid: number, name: string) {
		const held = new Set(idsOf(pid, "map_id"));
		const found = bpftool<{ id: number; name?: string }>("map", "show").find(
			(map) => held.has(map.id) && map.name === name,
		);
		if (found === undefined) throw new Error(`process ${pid} holds no map ${name}`);
		this.#id = `${found.id}`;
	}

	entries(): BpftoolEntry[] {
		return bpftool("map", "dump", "id", this.#id);
	}

	put({ key, value }: BpftoolEntry): void {
		const bytes = (all: readonly string[]): string[] => [
			"hex",
			...all.map((each) => each.slice(2)),
		];
		bpftool("map", "update", "id", this.#id, "key", ...bytes(key), "value", ...bytes(value));
	}
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
