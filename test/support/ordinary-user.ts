/** The built binary, run by somebody who is not root. */

import { chmodSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { conntracerBinary, type Finished } from "./conntracer.ts";

const NOBODY = 65534;

/** A copy where everybody may read it, until disposed. */
export class OrdinaryUser implements Disposable {
	readonly #directory = mkdtempSync(join(tmpdir(), "conntracer-user-"));
	readonly #binary = join(this.#directory, "conntracer");

	constructor() {
		copyFileSync(conntracerBinary(), this.#binary);
		for (const path of [this.#directory, this.#binary]) chmodSync(path, 0o755);
	}

	/** Becomes conntracer itself, with exactly these capabilities: "bpf", "perfmon". */
	program(capabilities: readonly string[]): string[] {
		const given = capabilities.map((name) => `+${name}`).join(",");
		const rights = given === "" ? [] : [`--inh-caps=${given}`, `--ambient-caps=${given}`];
		const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
		return ["setpriv", ...user, ...rights, this.#binary];
	}

	run(capabilities: readonly string[], ...args: readonly string[]): Finished {
		const run = Bun.spawnSync([...this.program(capabilities), ...args], { timeout: 60_000 });
		return {
			stdout: run.stdout.toString(),
			stderr: run.stderr.toString(),
			exitCode: run.exitCode,
		};
	}

	[Symbol.dispose](): void {
		rmSync(this.#directory, { recursive: true });
	}
}
