/** A look at whether a binary starts at all. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { run } from "./shell.ts";

/**
 * The embedded files and the binary's own must not depend on where it is run.
 * @throws if it does not say its version
 */
export function smokeRun(command: readonly string[]): void {
	const elsewhere = mkdtempSync(join(tmpdir(), "conntracer-"));
	try {
		const version = run([...command, "--version"], { cwd: elsewhere });
		if (!version.includes(manifest.version))
			throw new Error(`${command.join(" ")} --version: ${version}`);
	} finally {
		rmSync(elsewhere, { recursive: true });
	}
}
