/** The binary for a target, with all that it carries made for that target, whatever this machine is. */

import { join, resolve } from "node:path";
import { makeBinary } from "./binary.ts";
import { type Component, fetchLibraries } from "./libraries.ts";
import { compileMachineCode } from "./machine-code.ts";
import { runtimeFor } from "./runtimes.ts";
import type { Target } from "./target.ts";

const BUILD = resolve(import.meta.dir, "../build");

export interface BuiltTarget {
	readonly target: Target;
	/** Has what src/ takes from build/. */
	readonly parts: string;
	readonly libraries: readonly Component[];
}

export async function buildTarget(target: Target, outfile: string): Promise<BuiltTarget> {
	const parts = join(BUILD, target.name);
	compileMachineCode(target, parts);
	const libraries = fetchLibraries(target, join(parts, "lib"));
	await makeBinary({ parts, runtime: runtimeFor(target), outfile });
	return { target, parts, libraries };
}
