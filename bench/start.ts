/** From start to ready, beside what libbpf alone needs for the same programs. */

import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");
export const BINARY = join(ROOT, "dist", "conntracer");
const OBJECT = join(ROOT, "build", "conntracer.bpf.o");
const LOADER = join(ROOT, "build", "bench-load");

export interface StartTimes {
	readonly conntracerMs: readonly number[];
	readonly libbpfMs: readonly number[];
}

/** One after the other by turns, so that a slow moment hits both. */
export async function startTimes(rounds: number): Promise<StartTimes> {
	const source = join(import.meta.dir, "load.c");
	const compiled = Bun.spawnSync(["clang", "-O2", source, "-o", LOADER, "-lbpf"]);
	if (!compiled.success) throw new Error(`load.c does not compile:\n${compiled.stderr}`);
	const programs = programsOfWatch();
	const conntracerMs: number[] = [];
	const libbpfMs: number[] = [];
	for (let round = 0; round < rounds; round++) {
		conntracerMs.push(await untilOutput([BINARY, "watch", "--json"]));
		libbpfMs.push(await untilOutput([LOADER, OBJECT, ...programs]));
	}
	return { conntracerMs, libbpfMs };
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
