/**
 * libbpf for musl, with libelf and zlib inside: musl's loader does not find a library that is already
 * there by its soname, so what is opened from memory must be one file. Debian has none for musl; this
 * is made of Debian's sources, with musl's headers, and takes libc from the process that opens it.
 */

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Debian } from "./debian.ts";
import { run } from "./shell.ts";
import type { Target } from "./target.ts";

interface Source {
	readonly name: string;
	/** A directory. */
	readonly files: string;
	readonly soname: string;
}

/** As elfutils' configure finds it for musl, as far as libelf asks. */
const ELFUTILS_CONFIG = `#define HAVE_ERR_H 1
#define HAVE_VISIBILITY 1
#define HAVE_GCC_STRUCT 1
#define HAVE_DECL_POWEROF2 1
#define HAVE_DECL_MEMPCPY 1
#define HAVE_DECL_RAWMEMCHR 0
#define HAVE_DECL_REALLOCARRAY 1
#include <eu-config.h>
`;

/** Their warnings are theirs; what would crash is an error. */
const WARNINGS = ["-w", "-Werror=implicit-function-declaration", "-Werror=int-conversion"];

function compiler({ architecture, triple }: Target): string[] {
	const debian = new Debian(architecture);
	const musl = triple.replace("-gnu", "-musl");
	const builtin = join(run(["clang", "-print-resource-dir"]).trim(), "include");
	const libc = join(debian.get("musl-dev").files, "usr/include", musl);
	const linux = join(debian.get("linux-libc-dev").files, "usr/include");
	const headers = [builtin, libc, linux, join(linux, triple)].flatMap((path) => ["-isystem", path]);
	// Otherwise it asks for helpers of libgcc.
	const arch = architecture === "arm64" ? ["-mno-outline-atomics"] : [];
	const code = ["-O2", "-fPIC", "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections"];
	return ["clang", `--target=${musl}`, "-nostdinc", ...headers, ...code, ...arch, ...WARNINGS];
}

const sourcesIn = (directory: string): string[] =>
	readdirSync(directory)
		.filter((name) => name.endsWith(".c"))
		.map((name) => join(directory, name));

/** Leaves libbpf.so.1 in a directory, and empty files in place of the others. */
export function makeMuslLibrary(
	target: Target,
	sources: readonly Source[],
	directory: string,
): void {
	const filesOf = (name: string): string => sources.find((each) => each.name === name)?.files ?? "";
	const [zlib, elfutils, libbpf] = [filesOf("zlib"), filesOf("elfutils"), filesOf("libbpf")];
	const libelf = join(elfutils, "libelf");
	const include = (...paths: string[]): string[] => paths.map((path) => `-I${path}`);
	const compile = compiler(target);
	const scratch = mkdtempSync(join(tmpdir(), "conntracer-musl-"));
	const make = (name: string, from: string, flags: readonly string[]): void => {
		const objects = join(scratch, name);
		mkdirSync(objects);
		run([...compile, ...flags, "-c", ...sourcesIn(from)], { cwd: objects });
	};
	try {
		writeFileSync(join(scratch, "config.h"), ELFUTILS_CONFIG);
		make("zlib", zlib, ["-DHAVE_UNISTD_H"]);
		const forElf = ["-D_GNU_SOURCE", "-DHAVE_CONFIG_H"];
		make("libelf", libelf, [...forElf, ...include(scratch, join(elfutils, "lib"), libelf, zlib)]);
		const headers = ["include", "include/uapi"].map((path) => join(libbpf, path));
		const forBpf = ["-D_GNU_SOURCE", "-D_LARGEFILE64_SOURCE", "-D_FILE_OFFSET_BITS=64"];
		make("libbpf", join(libbpf, "src"), [...forBpf, ...include(...headers, libelf, zlib)]);
		link(target, scratch, join(libbpf, "src/libbpf.map"), join(directory, "libbpf.so.1"));
	} finally {
		rmSync(scratch, { recursive: true });
	}
	for (const { soname } of sources)
		if (soname !== "libbpf.so.1") writeFileSync(join(directory, soname), "");
}

function link({ triple }: Target, scratch: string, versions: string, output: string): void {
	const objects = readdirSync(scratch, { recursive: true, encoding: "utf8" })
		.filter((name) => name.endsWith(".o"))
		.map((name) => join(scratch, name));
	const options = ["-s", "--gc-sections", "-soname=libbpf.so.1", `--version-script=${versions}`];
	const pages = ["-z", "max-page-size=65536"];
	const linker = ["-nostdlib", "-fuse-ld=lld", `-Wl,${[...options, ...pages].join(",")}`];
	run(["clang", `--target=${triple}`, "-shared", ...linker, "-o", output, ...objects]);
}
