/** What clang makes for a target: the BPF objects, and the one file of C that user space has. */

import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { checkLayout } from "../src/maps/layout.ts";
import { run } from "./shell.ts";
import type { Target } from "./target.ts";

const ROOT = resolve(import.meta.dir, "..");
const WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"];
/** The same source twice: see docs/adr/0017. */
export const OBJECTS = [
	{ name: "conntracer.bpf", source: "conntracer.bpf" },
	{ name: "without-fetch.bpf", source: "conntracer.bpf", defines: ["-DWITHOUT_FETCH"] },
	{ name: "list.bpf", source: "list.bpf" },
	{ name: "conntrack.bpf", source: "conntrack.bpf" },
	{ name: "probe.bpf", source: "probe.bpf" },
	{ name: "counts.bpf", source: "counts.bpf" },
];

interface BpfObject {
	readonly name: string;
	readonly source: string;
	readonly defines?: readonly string[];
}

/** Returns its path. Tests compile with other versions of clang, too. */
export function compileBpf(
	{ name, source, defines = [] }: BpfObject,
	target: Target,
	directory: string,
	clang = "clang",
): string {
	const path = join(directory, `${name}.o`);
	// How a kprobe finds the arguments of its function depends on the architecture.
	const kind = ["-O2", "-g", "-target", "bpf", "-mcpu=v3", `-D__TARGET_ARCH_${target.bpf}`];
	// Types name the files that they are from: not where these are on this machine.
	const names = `-ffile-prefix-map=${ROOT}=.`;
	const files = [names, "-c", join(ROOT, "bpf", `${source}.c`), "-o", path];
	run([clang, ...kind, ...WARNINGS, ...defines, ...files], { cwd: ROOT });
	return path;
}

/** Needs no headers of any libc, and runs with all of them. */
function compileHandler(target: Target, directory: string): void {
	const source = join(ROOT, "src/ffi/on-every-thread.c");
	const kind = [`--target=${target.triple}`, "-O2", "-fPIC", "-ffreestanding"];
	// Some kernels for arm64 have pages of 64 kB.
	const link = ["-shared", "-nostdlib", "-fuse-ld=lld", "-Wl,-s,-z,max-page-size=65536"];
	const output = ["-o", join(directory, "on-every-thread.so")];
	run(["clang", ...kind, ...WARNINGS, ...link, source, ...output]);
}

/** Into a directory, with the names that src/ knows them by. */
export function compileMachineCode(target: Target, directory: string): void {
	mkdirSync(directory, { recursive: true });
	for (const object of OBJECTS) run(["llvm-strip", "-g", compileBpf(object, target, directory)]);
	const layout = { name: "layout.bpf", source: "layout.bpf" };
	checkLayout(readFileSync(compileBpf(layout, target, directory)));
	compileHandler(target, directory);
}
