/** Folders as one file, which every system can unpack, and checksums. */

import { writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { sha256 } from "./component.ts";
import { run } from "./shell.ts";

export const CHECKSUMS = "SHA256SUMS";

/** When the sources were last changed, in seconds. */
function sourceDate(): string {
	const given = process.env["SOURCE_DATE_EPOCH"];
	if (given !== undefined) return given;
	if (Bun.which("git") === null) return "0";
	const log = Bun.spawnSync(["git", "log", "-1", "--format=%ct"], { cwd: import.meta.dir });
	return log.stdout.toString().trim() || "0";
}

/**
 * A folder as a .tar.gz file. In gzip's format, as busybox and the oldest tar have it; zstd's
 * and xz's would save a fifth and a third, and xz takes minutes.
 */
export function pack(folder: string, archive: string): void {
	const gzip = ["--use-compress-program=gzip -9n", "-cf", archive];
	const same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner"];
	const where = ["-C", dirname(folder), basename(folder)];
	run(["tar", ...gzip, ...same, `--mtime=@${sourceDate()}`, ...where]);
}

/** Of these files of the directory, as sha256sum writes and reads them. */
export function writeChecksums(directory: string, names: readonly string[]): void {
	const lines = [...names].sort().map((name) => `${sha256(join(directory, name))}  ${name}\n`);
	writeFileSync(join(directory, CHECKSUMS), lines.join(""));
}
