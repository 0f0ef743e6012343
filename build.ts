/** Makes dist/conntracer, the one file to carry, for this machine: `bun build.ts`. */

import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { makeBinary } from "./packaging/binary.ts";
import { compileMachineCode } from "./packaging/machine-code.ts";
import { run } from "./packaging/shell.ts";
import { smokeRun } from "./packaging/smoke-run.ts";
import { hostTarget } from "./packaging/target.ts";

const PARTS = join(import.meta.dir, "build");
const LIBRARIES = join(PARTS, "lib");
const BINARY = join(import.meta.dir, "dist", "conntracer");

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

compileMachineCode(hostTarget(), PARTS);
mkdirSync(LIBRARIES, { recursive: true });
for (const soname of ["libz.so.1", "libelf.so.1", "libbpf.so.1"])
	copyFileSync(findLibrary(soname), join(LIBRARIES, soname));
await makeBinary({ parts: PARTS, outfile: BINARY });
smokeRun([BINARY]);
