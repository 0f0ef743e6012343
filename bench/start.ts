/** From start to ready: beside what libbpf alone needs for the same programs, and beside `tcplife`. */

import { join } from "node:path";
import { bpfIdsOf } from "../test/support/bpf.ts";
import { compileBench } from "./compile.ts";
import { EndedAtOnce } from "./ended.ts";
import { spread } from "./figures.ts";

const ROOT = join(import.meta.dir, "..");
export const BINARY = join(ROOT, "dist", "conntracer");
const OBJECT = join(ROOT, "build", "conntracer.bpf.o");

/** Rows of the table. One after the other by turns, so that a slow moment hits all. */
export async function startFigures(
	rounds: number,
	tcplife: readonly string[],
): Promise<string[][]> {
	const loader = compileBench("load");
	const programs = programsOfWatch();
	const [ours, alone, theirs]: [number[], number[], number[]] = [[], [], []];
	let ended: EndedAtOnce | null = null;
	for (let round = 0; round < rounds; round++) {
		ours.push(await untilOutput([BINARY, "watch", "--json"]));
		alone.push(await untilOutput([loader, OBJECT, ...programs]));
		const attached = await untilAttached(tcplife);
		if (attached instanceof EndedAtOnce) ended = attached;
		else theirs.push(attached);
	}
	const ratios = theirs.map((ms, i) => (ours[i] ?? Number.NaN) / ms);
	const besides = (values: readonly number[], digits: number): string =>
		ended === null ? spread(values, digits) : ended.message;
	return [
		["`watch`: start to ready, ms", spread(ours, 1)],
		["libbpf alone, same programs, ms", spread(alone, 1)],
		["`tcplife`: start to attached, ms", besides(theirs, 1)],
		["`watch` / `tcplife`", besides(ratios, 2)],
	];
}

function programsOfWatch(): readonly string[] {
	const run = Bun.spawnSync([BINARY, "watch", "--json", "-n", "1"]);
	const [ready = ""] = run.stdout.toString().split("\n");
	return JSON.parse(ready).programs;
}

async function untilOutput(command: readonly string[]): Promise<number> {
	const start = performance.now();
	const child = Bun.spawn([...command], { stdout: "pipe", stderr: "inherit" });
	const { done } = await child.stdout.getReader().read();
	const elapsed = performance.now() - start;
	child.kill("SIGINT");
	await child.exited;
	if (done) throw new Error(`${command.join(" ")}: no output`);
	return elapsed;
}

/** For what says nothing: its BPF link is there. */
async function untilAttached(command: readonly string[]): Promise<number | EndedAtOnce> {
	const start = performance.now();
	const child = Bun.spawn([...command], { stdout: "ignore", stderr: "pipe" });
	while (child.exitCode !== null || bpfIdsOf(child.pid).links.size === 0) {
		if (child.exitCode !== null) return new EndedAtOnce(await child.stderr.text());
		await Bun.sleep(1);
	}
	const elapsed = performance.now() - start;
	child.kill("SIGINT");
	await child.exited;
	return elapsed;
}
