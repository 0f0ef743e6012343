/** Makes dist/conntracer, the one file to carry, for this machine: `bun build.ts`. */

import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { makeBinary } from "./packaging/binary.ts";
import { LIBRARIES } from "./packaging/libraries.ts";
import { compileMachineCode } from "./packaging/machine-code.ts";
import { run } from "./packaging/shell.ts";
import { smokeRun } from "./packaging/smoke-run.ts";
import { hostTarget } from "./packaging/target.ts";

const PARTS = join(import.meta.dir, "build");
const DIRECTORY = join(PARTS, "lib");
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

const target = hostTarget();
compileMachineCode(target, PARTS);
mkdirSync(DIRECTORY, { recursive: true });
for (const { soname } of LIBRARIES) copyFileSync(findLibrary(soname), join(DIRECTORY, soname));
await makeBinary({ target, parts: PARTS, runtime: process.execPath, outfile: BINARY });
smokeRun([BINARY]);
