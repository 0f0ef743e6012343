/** The BPF programs of the tests, compiled where their sources have changed. */

import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";

const BUILD = resolve(import.meta.dir, "../../build/test");

/** The path of an object file, for example for `ip link set … xdp`. */
export function bpfObject(name: string): string {
	const source = join(import.meta.dir, `${name}.bpf.c`);
	const hash = new Bun.CryptoHasher("sha256").update(readFileSync(source)).digest("hex");
	const path = join(BUILD, `${name}-${hash.slice(0, 16)}.o`);
	if (existsSync(path)) return path;
	mkdirSync(BUILD, { recursive: true });
	const unfinished = `${path}.${process.pid}`;
	const command = ["clang", "-O2", "-g", "-target", "bpf", "-c", source, "-o", unfinished];
	const run = Bun.spawnSync(command);
	if (!run.success) throw new Error(`${name}.bpf.c does not compile:\n${run.stderr}`);
	renameSync(unfinished, path);
	return path;
}
