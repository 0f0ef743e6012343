/** The binary for a target, with all that it carries made for that target, whatever this machine is. */

import { join, resolve } from "node:path";
import { makeBinary } from "./binary.ts";
import { type Component, npmComponent, runtimeComponent } from "./component.ts";
import { makeLibraries } from "./libraries.ts";
import { compileMachineCode } from "./machine-code.ts";
import { runtimeFor } from "./runtimes.ts";
import type { Target } from "./target.ts";

const BUILD = resolve(import.meta.dir, "../build");

/** Returns what it is made of, but for the project itself. */
export async function buildTarget(target: Target, outfile: string): Promise<Component[]> {
	const parts = join(BUILD, target.name);
	compileMachineCode(target, parts);
	const libraries = makeLibraries(target, join(parts, "lib"));
	const packages = await makeBinary({ target, parts, runtime: runtimeFor(target), outfile });
	return [runtimeComponent(target), ...libraries, ...packages.map(npmComponent)];
}
