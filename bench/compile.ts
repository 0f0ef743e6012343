/** The C programs of this directory. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";

const BUILD = join(import.meta.dir, "..", "build", "bench");

function run(command: readonly string[]): void {
	mkdirSync(BUILD, { recursive: true });
	const { success, stderr } = Bun.spawnSync([...command]);
	if (!success) throw new Error(`${command.join(" ")}:\n${stderr}`);
}

/** The path of what NAME.c makes. */
export function compileBench(name: string): string {
	const program = join(BUILD, name);
	run(["clang", "-O2", join(import.meta.dir, `${name}.c`), "-o", program, "-lbpf"]);
	return program;
}

/** The BPF object with programs that do nothing. */
export function compileEmpty(): string {
	const object = join(BUILD, "empty.bpf.o");
	const source = join(import.meta.dir, "empty.bpf.c");
	run(["clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-c", source, "-o", object]);
	return object;
}
