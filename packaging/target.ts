/** What the program is built for, and what others call it. */

export interface Target {
	/** The end of the artifact's name; Bun says `bun-` before it. */
	readonly name: `linux-${"x64" | "arm64"}${"" | "-musl"}`;
	readonly libc: "glibc" | "musl";
	/** As Debian says it. */
	readonly architecture: "amd64" | "arm64";
	/** As process.arch says it. */
	readonly cpu: "x64" | "arm64";
	/** As file names of Debian's and clang say it. */
	readonly triple: string;
	/** As libbpf says it. */
	readonly bpf: "x86" | "arm64";
	/** Bun's package for it. */
	readonly runtime: string;
}

const X64 = {
	architecture: "amd64",
	cpu: "x64",
	bpf: "x86",
	triple: "x86_64-linux-gnu",
} as const;
const ARM64 = {
	architecture: "arm64",
	cpu: "arm64",
	bpf: "arm64",
	triple: "aarch64-linux-gnu",
} as const;

export const TARGETS: readonly Target[] = [
	{ ...X64, name: "linux-x64", libc: "glibc", runtime: "@oven/bun-linux-x64" },
	{ ...ARM64, name: "linux-arm64", libc: "glibc", runtime: "@oven/bun-linux-aarch64" },
	{ ...X64, name: "linux-x64-musl", libc: "musl", runtime: "@oven/bun-linux-x64-musl" },
	{ ...ARM64, name: "linux-arm64-musl", libc: "musl", runtime: "@oven/bun-linux-aarch64-musl" },
];

/** @throws on a name that is none of them */
export function targetNamed(name: string): Target {
	const target = TARGETS.find((each) => each.name === name);
	if (target === undefined)
		throw new Error(`${name}: must be of ${TARGETS.map((each) => each.name).join(", ")}`);
	return target;
}

/** This machine. */
export function hostTarget(): Target {
	return targetNamed(`linux-${process.arch}`);
}
