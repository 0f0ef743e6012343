/** A cgroup of v1, in the hierarchy by which conntracer tells containers apart. */

import { mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { v1Hierarchy } from "../../src/enrich/cgroups.ts";
import { mounts } from "../../src/enrich/procfs.ts";

/** Whoever is in it must have ended when it is disposed of. */
export class V1Cgroup implements Disposable {
	readonly #path: string;
	readonly #owned = new DisposableStack();

	/** @param name just below the root of the hierarchy */
	constructor(name: string) {
		const root = v1Hierarchy(mounts())?.mountPoint ?? this.#mount();
		this.#path = join(root, name);
		mkdirSync(this.#path);
		this.#owned.defer(() => rmdirSync(this.#path));
	}

	/** On a machine that has none. The freezer of v2 needs no controller, so this one is free. */
	#mount(): string {
		const at = mkdtempSync(join(tmpdir(), "conntracer-v1-"));
		const run = Bun.spawnSync(["mount", "-t", "cgroup", "-o", "freezer", "none", at]);
		if (!run.success) throw new Error(`mount: ${run.stderr}`);
		this.#owned.defer(() => {
			Bun.spawnSync(["umount", at]);
			rmdirSync(at);
		});
		return at;
	}

	/** Who writes 0 there comes into it. */
	get procs(): string {
		return join(this.#path, "cgroup.procs");
	}

	take(pid: number): void {
		writeFileSync(this.procs, String(pid));
	}

	[Symbol.dispose](): void {
		this.#owned.dispose();
	}
}
