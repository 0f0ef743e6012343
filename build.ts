/** Makes dist/conntracer, the one file to carry: `bun build.ts`. */

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "./package.json" with { type: "json" };
import { checkLayout } from "./src/maps/layout.ts";

const ROOT = import.meta.dir;
const OBJECTS = join(ROOT, "build");
const LIBRARIES = join(OBJECTS, "lib");
const BINARY = join(ROOT, "dist", "conntracer");

/** How a kprobe finds the arguments of its function. */
const ARCHITECTURE = `-D__TARGET_ARCH_${process.arch === "x64" ? "x86" : "arm64"}`;
const CLANG = ["clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3", ARCHITECTURE];
const WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"];

/** Runs a program; its output is shown if it fails. */
const run = (command: readonly string[], cwd = ROOT): string => {
	const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { cwd });
	if (exitCode !== 0) throw new Error(`${command.join(" ")}: failed\n${stdout}${stderr}`);
	return stdout.toString();
};

const compileBpf = (name: string, to = name, defines: readonly string[] = []): string => {
	const object = join(OBJECTS, `${to}.o`);
	run([...CLANG, ...WARNINGS, ...defines, "-c", join(ROOT, "bpf", `${name}.c`), "-o", object]);
	return object;
};

/** Where the dynamic linker finds a library for this machine's architecture. */
const findLibrary = (soname: string): string => {
	const architecture = process.arch === "x64" ? "x86-64" : "AArch64";
	const line = run(["/sbin/ldconfig", "-p"])
		.split("\n")
		.find((text) => text.includes(`\t${soname} (`) && text.includes(architecture));
	const path = line?.split(" => ")[1];
	if (path === undefined) throw new Error(`${soname}: not installed`);
	return path;
};

const bundle = async (): Promise<void> => {
	await Bun.build({
		entrypoints: [join(ROOT, "src", "main.ts")],
		target: "bun",
		format: "esm",
		minify: true,
		// Saves 20 ms of each start.
		bytecode: true,
		sourcemap: "inline",
		// What runs as root obeys no file of the directory that it is started in.
		compile: { outfile: BINARY, autoloadDotenv: false, autoloadBunfig: false },
	});
	// The binary has its own copy.
	rmSync(`${BINARY}.map`, { force: true });
};

/** The embedded files and the binary's own must not depend on where it is run. */
const smokeRun = (): void => {
	const elsewhere = mkdtempSync(join(tmpdir(), "conntracer-"));
	try {
		const version = run([BINARY, "--version"], elsewhere);
		if (!version.includes(manifest.version)) throw new Error(`${BINARY} --version: ${version}`);
	} finally {
		rmSync(elsewhere, { recursive: true });
	}
};

mkdirSync(LIBRARIES, { recursive: true });
const strip = (object: string): string => run(["llvm-strip", "-g", object]);
for (const name of ["conntracer.bpf", "list.bpf", "probe.bpf"]) strip(compileBpf(name));
strip(compileBpf("conntracer.bpf", "without-fetch.bpf", ["-DWITHOUT_FETCH"]));
checkLayout(readFileSync(compileBpf("layout.bpf")));
for (const soname of ["libz.so.1", "libelf.so.1", "libbpf.so.1"])
	copyFileSync(findLibrary(soname), join(LIBRARIES, soname));
await bundle();
smokeRun();
