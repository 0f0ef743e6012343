/**
 * Bun for any target, from npm: exactly the versions of runtimes/bun.lock, which has their checksums.
 * A folder of its own, as in the project's own lockfile they would be installed for everybody.
 */

import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "./cache.ts";
import lock from "./runtimes/package.json" with { type: "json" };
import { run, say } from "./shell.ts";
import type { Target } from "./target.ts";

const LOCKED = join(import.meta.dir, "runtimes");

export const RUNTIME_VERSIONS: Readonly<Record<string, string>> = lock.dependencies;

/** The path of the executable. */
export function runtimeFor({ runtime }: Target): string {
	const version = RUNTIME_VERSIONS[runtime];
	if (version === undefined) throw new Error(`packaging/runtimes has no ${runtime}`);
	const directory = cacheDirectory(`runtimes-${version}`);
	const path = join(directory, "node_modules", runtime, "bin", "bun");
	if (!existsSync(path)) {
		say(`getting Bun ${version} for all targets from npm`);
		mkdirSync(directory, { recursive: true });
		for (const name of ["package.json", "bun.lock"])
			copyFileSync(join(LOCKED, name), join(directory, name));
		const everywhere = ["--cpu=*", "--os=*"];
		run([process.execPath, "install", "--frozen-lockfile", ...everywhere], { cwd: directory });
	}
	return path;
}
