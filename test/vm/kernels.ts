/** The kernels of the matrix, and who can run what. */

import type { Architecture } from "../../packaging/apt.ts";
import type { HookFamily } from "../../src/trace/session-options.ts";

export interface DebianKernel {
	/** What `--kernels` calls it. */
	readonly name: string;
	/** Has one kernel; which version that is is known at run time only. */
	readonly suite: string;
}

export type Family = Exclude<HookFamily, "auto">;

/** Oldest first. */
const KERNELS: readonly DebianKernel[] = [
	{ name: "5.10", suite: "bullseye-security" },
	{ name: "6.1", suite: "bookworm-security" },
	{ name: "6.12", suite: "trixie-security" },
	{ name: "sid", suite: "sid" },
];

/** On arm64 nothing can be called at the entry of a function before Linux 6.4 (2aa6ac03516d). */
const ARM64_WITHOUT_FENTRY = ["5.10", "6.1"];

/** Those of the families that a kernel has. */
export function familiesOn(
	architecture: Architecture,
	{ name }: DebianKernel,
	wanted: readonly Family[],
): Family[] {
	const lacksFentry = architecture === "arm64" && ARM64_WITHOUT_FENTRY.includes(name);
	return wanted.filter((family) => family !== "fentry" || !lacksFentry);
}

/** How a report calls it. */
export function nameOn(architecture: Architecture, kernel: string): string {
	return architecture === "amd64" ? kernel : `${kernel} ${architecture}`;
}

const ARCHITECTURES: readonly Architecture[] = ["amd64", "arm64"];

/** Of the report, in its order. */
export const KERNEL_NAMES: readonly string[] = ARCHITECTURES.flatMap((architecture) =>
	KERNELS.map(({ name }) => nameOn(architecture, name)),
);

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

/** As selectKernels, for `--arch`; one alone. */
export function selectArchitecture(name: string): Architecture {
	const [architecture, ...others] = select("--arch", name, ARCHITECTURES, (each) => each);
	if (architecture === undefined || others.length > 0) throw new Error(`--arch ${name}: one alone`);
	return architecture;
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
