/** Has the kernel refuse some calls of bpf(2) to a command: test/support/refuse.c. */

import { ptr } from "bun:ffi";
import { Libbpf } from "../../src/ffi/library.ts";
import { bundledLibraries } from "../../src/trace/assets.ts";
import { cProgram } from "./c-program.ts";

const KERNEL_TYPES = "/sys/kernel/btf/vmlinux";
const BTF_KIND_FUNC = 12;

/** What is refused. */
export type Refused = "prog_load" | "test_run" | "map_iterators";

/** Stands before a command, which becomes the same process. */
export function refusing(refused: readonly Refused[], command: readonly string[]): string[] {
	const rules = refused.map((what) =>
		what === "map_iterators" ? `iterator=${typeOf("bpf_iter_bpf_map_elem")}` : what,
	);
	return [cProgram("refuse"), ...rules, "--", ...command];
}

/** The id of a function among the kernel's types, by which a program says where it is to be attached. */
function typeOf(name: string): number {
	const { symbols } = Libbpf.open(null, bundledLibraries);
	const text = (of: string): Uint8Array => new TextEncoder().encode(`${of}\0`);
	const types = symbols.btf__parse(ptr(text(KERNEL_TYPES)), null);
	if (typeof types !== "number") throw new Error(`${KERNEL_TYPES} cannot be read`);
	const id = symbols.btf__find_by_name_kind(types, ptr(text(name)), BTF_KIND_FUNC);
	symbols.btf__free(types);
	if (id < 0) throw new Error(`the kernel has no ${name}`);
	return id;
}
