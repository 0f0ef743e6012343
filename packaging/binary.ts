/** The one file to carry. */

import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { BunPlugin } from "bun";
import type { Target } from "./target.ts";

const SOURCES = resolve(import.meta.dir, "../src");

export interface BinaryOptions {
	readonly target: Target;
	/** Has all that src/ takes from build/. */
	readonly parts: string;
	/** Bun for the target. */
	readonly runtime: string;
	readonly outfile: string;
}

/** Takes from elsewhere what src/ says is in build/. */
function partsFrom(directory: string): BunPlugin {
	return {
		name: "parts",
		setup(build) {
			build.onResolve({ filter: /^\.\.\/\.\.\/build\// }, ({ path, importer }) =>
				importer.startsWith(SOURCES)
					? { path: join(directory, path.slice("../../build/".length)) }
					: undefined,
			);
		},
	};
}

/** Where the packages are that these files belong to. */
function packagesOf(files: readonly string[]): string[] {
	const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []);
	return [...new Set(folders)].sort().map((folder) => resolve(folder));
}

/** Returns the folders of the npm packages that it holds. */
export async function makeBinary(options: BinaryOptions): Promise<string[]> {
	const { target, parts, runtime, outfile } = options;
	const { metafile } = await Bun.build({
		entrypoints: [join(SOURCES, "main.ts")],
		target: "bun",
		format: "esm",
		minify: true,
		// Saves 20 ms of each start.
		bytecode: true,
		sourcemap: "inline",
		metafile: true,
		plugins: [partsFrom(parts)],
		compile: {
			outfile,
			// What process.arch says is written into the code.
			target: `bun-${target.name}`,
			executablePath: runtime,
			// What runs as root obeys no file of the directory that it is started in.
			autoloadDotenv: false,
			autoloadBunfig: false,
		},
	});
	// The binary has its own copy.
	rmSync(`${outfile}.map`, { force: true });
	return packagesOf(Object.keys(metafile?.inputs ?? {}));
}
