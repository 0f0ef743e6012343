/** The tools of others: newer ones than the host has, unpacked where nothing else looks. */

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Suite } from "../packaging/apt.ts";
import { run } from "../packaging/shell.ts";

/** Commands. */
export interface Peers {
	readonly tcplife: readonly string[];
	readonly tcpstates: readonly string[];
	/** These three hook functions: they run where the kernel has kprobes. */
	readonly tcpconnect: readonly string[];
	readonly tcptracer: readonly string[];
	readonly tcptop: readonly string[];
	readonly bpftrace: readonly string[];
	/** Of libbpf-tools. */
	readonly version: string;
}

const SUITE = "trixie";
const CACHE = join(
	process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
	"conntracer",
	"peers",
);
const TRIPLET = "x86_64-linux-gnu";

/** libbpf-tools with all that it is linked with; bpftrace is the host's. */
export function installPeers(): Peers {
	mkdirSync(CACHE, { recursive: true });
	const suite = new Suite(SUITE, CACHE);
	suite.refresh();
	const packages = suite.closure("libbpf-tools", /^(lib|zlib)/);
	const version = packages[0]?.version ?? "";
	const root = join(CACHE, `libbpf-tools-${version}`);
	if (!existsSync(join(root, "complete"))) {
		rmSync(root, { recursive: true, force: true });
		mkdirSync(root);
		suite.download(packages, root);
		for (const file of new Bun.Glob("*.deb").scanSync(root))
			run(["dpkg", "-x", join(root, file), root]);
		writeFileSync(join(root, "complete"), "");
	}
	return {
		tcplife: tool(root, "tcplife"),
		tcpstates: tool(root, "tcpstates"),
		tcpconnect: tool(root, "tcpconnect"),
		tcptracer: tool(root, "tcptracer"),
		tcptop: tool(root, "tcptop"),
		bpftrace: ["bpftrace"],
		version,
	};
}

/** With its own C library: the host's may be too old for it. */
function tool(root: string, name: string): readonly string[] {
	const libraries = ["usr/lib", "lib"].map((each) => join(root, each, TRIPLET)).join(":");
	const linker = join(root, "usr/lib", TRIPLET, "ld-linux-x86-64.so.2");
	const found = ["usr/sbin", "usr/bin"]
		.flatMap((each) => [join(root, each, name), join(root, each, `${name}-libbpf`)])
		.find(existsSync);
	if (found === undefined) throw new Error(`libbpf-tools has no ${name}`);
	return [linker, "--library-path", libraries, found];
}
