/** The kernels of the matrix, and who can run what. */

import type { HookFamily } from "../../src/trace/session-options.ts";

export interface DebianKernel {
	/** What `--kernels` calls it. */
	readonly name: string;
	readonly suite: string;
	/** Which version it stands for is known at run time only. */
	readonly metapackage: string;
}

export type Family = Exclude<HookFamily, "auto">;

/** Oldest first. */
const KERNELS: readonly DebianKernel[] = [
	{ name: "5.10", suite: "bullseye-security", metapackage: "linux-image-amd64" },
	{ name: "6.1", suite: "bookworm-security", metapackage: "linux-image-amd64" },
	{ name: "6.12", suite: "trixie-security", metapackage: "linux-image-amd64" },
	{ name: "sid", suite: "sid", metapackage: "linux-image-amd64" },
];

export const KERNEL_NAMES: readonly string[] = KERNELS.map(({ name }) => name);

/** Those that conntracer has programs for. */
export const FAMILIES: readonly Family[] = ["tracepoint", "fentry", "kprobe"];

/**
 * @param list names with commas between, or "all"
 * @throws on a name that is none of them
 */
export function selectKernels(list: string): DebianKernel[] {
	return select("--kernels", list, KERNELS, ({ name }) => name);
}

/** As selectKernels, for `--hooks`. */
export function selectFamilies(list: string): Family[] {
	return select("--hooks", list, FAMILIES, (name) => name);
}

function select<T>(
	option: string,
	list: string,
	from: readonly T[],
	nameOf: (item: T) => string,
): T[] {
	if (list === "all") return [...from];
	const names = list.split(",");
	const known = from.map(nameOf);
	for (const name of names)
		if (!known.includes(name))
			throw new Error(`${option} ${name}: must be all, or of ${known.join(", ")}`);
	return from.filter((item) => names.includes(nameOf(item)));
}
