/**
 * libbpf with libelf and zlib inside, made of Debian's sources for the oldest C library that we run
 * with: Debian's own packages want the glibc of their release, and there are none for musl. In one
 * file, as musl's loader does not find by its soname what was opened from memory.
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

/** As elfutils' configure finds it, as far as libelf asks. */
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

/** Has glibc 2.31; what is linked with that runs with all later ones. */
const OLDEST_GLIBC = "bullseye";

interface Libc {
	/** For clang. */
	readonly triple: string;
	/** Directories. */
	readonly headers: readonly string[];
	/** To link with; musl's is taken from the process, whatever it is called there. */
	readonly files: readonly string[];
}

function libcOf({ architecture, libc, triple }: Target): Libc {
	if (libc === "musl") {
		const musl = triple.replace("-gnu", "-musl");
		const { files } = new Debian(architecture).get("musl-dev");
		return { triple: musl, headers: [join(files, "usr/include", musl)], files: [] };
	}
	const debian = new Debian(architecture, OLDEST_GLIBC);
	const include = join(debian.get("libc6-dev").files, "usr/include");
	const libraries = join(debian.get("libc6").files, "lib", triple);
	// The dynamic linker has what finds a variable of a thread.
	const names = readdirSync(libraries).filter((name) => /^(libc\.so|ld-linux)/.test(name));
	const files = names.map((name) => join(libraries, name));
	return { triple, headers: [include, join(include, triple)], files };
}

function compiler({ architecture, triple }: Target, libc: Libc): string[] {
	const builtin = join(run(["clang", "-print-resource-dir"]).trim(), "include");
	const linux = join(new Debian(architecture).get("linux-libc-dev").files, "usr/include");
	const paths = [builtin, ...libc.headers, linux, join(linux, triple)];
	const headers = ["-nostdinc", ...paths.flatMap((path) => ["-isystem", path])];
	// Otherwise it asks for helpers of libgcc.
	const arch = architecture === "arm64" ? ["-mno-outline-atomics"] : [];
	const code = ["-O2", "-fPIC", "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections"];
	// As Debian's own: what guards memory.
	const guards = ["-D_FORTIFY_SOURCE=2"];
	return ["clang", `--target=${libc.triple}`, ...headers, ...code, ...guards, ...arch, ...WARNINGS];
}

const sourcesIn = (directory: string): string[] =>
	readdirSync(directory)
		.filter((name) => name.endsWith(".c"))
		.map((name) => join(directory, name));

/** Leaves libbpf.so.1 in a directory, and empty files in place of the others. */
export function makeCarriedLibrary(
	target: Target,
	sources: readonly Source[],
	directory: string,
): void {
	const filesOf = (name: string): string => sources.find((each) => each.name === name)?.files ?? "";
	const [zlib, elfutils, libbpf] = [filesOf("zlib"), filesOf("elfutils"), filesOf("libbpf")];
	const libelf = join(elfutils, "libelf");
	const include = (...paths: string[]): string[] => paths.map((path) => `-I${path}`);
	const libc = libcOf(target);
	const compile = compiler(target, libc);
	const scratch = mkdtempSync(join(tmpdir(), "conntracer-library-"));
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
		link(libc, scratch, join(libbpf, "src/libbpf.map"), join(directory, "libbpf.so.1"));
	} finally {
		rmSync(scratch, { recursive: true });
	}
	for (const { soname } of sources)
		if (soname !== "libbpf.so.1") writeFileSync(join(directory, soname), "");
}

function link({ triple, files }: Libc, scratch: string, versions: string, output: string): void {
	const objects = readdirSync(scratch, { recursive: true, encoding: "utf8" })
		.filter((name) => name.endsWith(".o"))
		.map((name) => join(scratch, name));
	const options = [
		"-s",
		"--gc-sections",
		"--as-needed",
		"-soname=libbpf.so.1",
		`--version-script=${versions}`,
	];
	const pages = ["-z", "max-page-size=65536", "-z", "relro", "-z", "now"];
	const complete = files.length > 0 ? ["-z", "defs"] : [];
	const all = [...options, ...pages, ...complete].join(",");
	const linker = ["-nostdlib", "-fuse-ld=lld", `-Wl,${all}`];
	run(["clang", `--target=${triple}`, "-shared", ...linker, "-o", output, ...objects, ...files]);
}
