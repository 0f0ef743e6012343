/** `accounting` beside `conntrack -E`, with very many flows: begun and ended before their eyes, and there before. */

import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spread } from "./figures.ts";
import { Place } from "./place.ts";
import { cpuNs, peakMemory } from "./process.ts";
import { BINARY } from "./start.ts";

const FLOWS = 50_000;
const LOAD = join(import.meta.dir, "flows.ts");
/** Between two looks at how far it is, and how often nothing may change. */
const LOOK_MS = 250;
const PATIENCE = 8;

interface Seen {
	begins: number;
	ends: number;
	/** As it says itself; null: it does not say. */
	lost: number | null;
}

interface Watcher {
	readonly command: readonly string[];
	/** Whether a line says that it can begin; null: it says nothing. */
	readonly isReady: ((line: string) => boolean) | null;
	readonly note: (line: string, seen: Seen) => void;
}

const OURS: Watcher = {
	command: [BINARY, "accounting", "--json", "--summary"],
	isReady: (line) => line.includes('"type":"ready"'),
	note(line, seen) {
		if (line.includes('"event":"destroy"')) seen.ends++;
		else if (line.includes('"packets_original":1,"bytes_original":null')) seen.begins++;
		else if (line.includes('"type":"summary"'))
			for (const count of Object.values<number>(JSON.parse(line).lost))
				seen.lost = (seen.lost ?? 0) + count;
	},
};
const THEIRS: Watcher = {
	command: ["conntrack", "-E", "-e", "NEW,DESTROY", "-b", String(16 * 2 ** 20)],
	isReady: null,
	note(line, seen) {
		if (line.includes("[NEW]")) seen.begins++;
		else if (line.includes("[DESTROY]")) seen.ends++;
	},
};

interface Cost {
	readonly seen: Seen;
	readonly readyMs: number;
	readonly cpuMs: number;
	readonly peakMiB: number;
}

function run(place: Place, ...command: string[]): void {
	const done = Bun.spawnSync([...place.prefix, ...command]);
	if (!done.success) throw new Error(`${command.join(" ")}: ${done.stderr}`);
}

/** @param before whether the flows are there when it starts */
async function watched(watcher: Watcher, before: boolean): Promise<Cost> {
	const scratch = mkdtempSync(join(tmpdir(), "conntracer-bench-"));
	const file = join(scratch, "out");
	using place = new Place();
	try {
		place.trackConnections();
		for (const [name, value] of SYSCTLS)
			run(place, "sysctl", "-qw", `net.netfilter.nf_conntrack_${name}=${value}`);
		if (before) makeFlows(place);
		const begin = performance.now();
		const command = [...place.prefix, ...watcher.command];
		const child = Bun.spawn(command, { stdout: Bun.file(file), stderr: "ignore" });
		while (watcher.isReady && !readFileSync(file, "utf8").split("\n").some(watcher.isReady))
			await Bun.sleep(5);
		const readyMs = performance.now() - begin;
		await Bun.sleep(before ? IDLE_MS : 1000);
		if (!before) {
			makeFlows(place);
			await settled(file);
		}
		run(place, "conntrack", "-F");
		await settled(file);
		const [cpuMs, peakMiB] = [cpuNs(child.pid) / 1e6, peakMemory(child.pid) / 2 ** 20];
		child.kill("SIGINT");
		await child.exited;
		const seen: Seen = { begins: 0, ends: 0, lost: null };
		for (const line of readFileSync(file, "utf8").split("\n")) watcher.note(line, seen);
		return { seen, readyMs, cpuMs, peakMiB };
	} finally {
		rmSync(scratch, { recursive: true });
	}
}

/** The kernel tells of all, and keeps them until they are flushed. */
const SYSCTLS = [
	["acct", 1],
	["events", 1],
	["udp_timeout", 600],
] as const;
/** That long it has the flows that were there, and nothing happens. */
const IDLE_MS = 10_000;

const makeFlows = (place: Place): void => run(place, process.execPath, LOAD, String(FLOWS));

/** Nothing is written any more. */
async function settled(file: string): Promise<void> {
	for (let [same, last] = [0, -1]; same < PATIENCE; ) {
		await Bun.sleep(LOOK_MS);
		const { size } = statSync(file);
		same = size === last ? same + 1 : 0;
		last = size;
	}
}

export async function accountingFigures(times: number): Promise<string[][]> {
	const costs: Record<"ours" | "theirs" | "there", Cost[]> = { ours: [], theirs: [], there: [] };
	for (let time = 0; time < times; time++) {
		costs.ours.push(await watched(OURS, false));
		costs.theirs.push(await watched(THEIRS, false));
		costs.there.push(await watched(OURS, true));
	}
	const of = (all: readonly Cost[], get: (cost: Cost) => number, digits = 0): string =>
		spread(all.map(get), digits);
	const row = (what: string, all: readonly Cost[]): string[][] => [
		[`${what}: beginnings told`, of(all, ({ seen }) => seen.begins)],
		[`${what}: ends told`, of(all, ({ seen }) => seen.ends)],
		[`${what}: CPU, ms`, of(all, ({ cpuMs }) => cpuMs)],
		[`${what}: peak memory, MiB`, of(all, ({ peakMiB }) => peakMiB)],
	];
	return [
		...row(`\`accounting --json\`, ${FLOWS} flows`, costs.ours),
		["`accounting`: lost, as it says", of(costs.ours, ({ seen }) => seen.lost ?? Number.NaN)],
		...row(`\`conntrack -E\`, ${FLOWS} flows`, costs.theirs),
		[
			`\`accounting\`, ${FLOWS} flows there before: start to ready, ms`,
			of(costs.there, ({ readyMs }) => readyMs),
		],
		[`… its ends told`, of(costs.there, ({ seen }) => seen.ends)],
		[
			`… its CPU in ${IDLE_MS / 1000} s and for the ends, ms`,
			of(costs.there, ({ cpuMs }) => cpuMs),
		],
		[`… its peak memory, MiB`, of(costs.there, ({ peakMiB }) => peakMiB)],
	];
}
