/** The C programs of the tests, compiled where their sources have changed. */

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const SUPPORT = import.meta.dir;
const BUILD = resolve(SUPPORT, "../../build/test");
const binaries = new Map<string, string>();

/** Programs that are quick to start, and run wherever they are copied to. */
const STATIC = ["brief"];

/** Makes programs for another machine than this one. */
export interface CrossCompiler {
	readonly compiler: readonly string[];
	/** Where they go. */
	readonly directory: string;
}

/** The path of the program that all `name*.c` here make together. */
export function cProgram(name: string, cross?: CrossCompiler): string {
	const known = binaries.get(name);
	if (known !== undefined && cross === undefined) return known;
	const isSource = new RegExp(`^${name}.*\\.[ch]$`);
	const sources = readdirSync(SUPPORT).filter((file) => isSource.test(file));
	const hash = new Bun.CryptoHasher("sha256");
	for (const file of sources.sort()) hash.update(readFileSync(join(SUPPORT, file)));
	const path = join(cross?.directory ?? BUILD, `${name}-${hash.digest("hex").slice(0, 16)}`);
	if (!existsSync(path)) compile(name, sources, path, cross?.compiler ?? hostCompiler());
	if (cross === undefined) binaries.set(name, path);
	return path;
}

function hostCompiler(): string[] {
	const compiler = Bun.which("cc") ?? Bun.which("clang");
	if (compiler === null) throw new Error("the programs of the tests need cc or clang");
	return [compiler];
}

function compile(
	name: string,
	sources: readonly string[],
	path: string,
	compiler: readonly string[],
): void {
	mkdirSync(dirname(path), { recursive: true });
	const unfinished = `${path}.${process.pid}`;
	const files = sources.filter((file) => file.endsWith(".c")).map((file) => join(SUPPORT, file));
	const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-pthread"];
	if (STATIC.includes(name)) flags.push("-static");
	const run = Bun.spawnSync([...compiler, ...flags, ...files, "-o", unfinished]);
	if (!run.success) throw new Error(`${name}.c does not compile:\n${run.stderr}`);
	renameSync(unfinished, path);
}
