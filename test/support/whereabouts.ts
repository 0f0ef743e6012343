/** Where and as whom test traffic runs, so that filters can tell it from other traffic. */

import { mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { cgroup2MountPoint } from "../../src/enrich/cgroups.ts";
import { mounts } from "../../src/enrich/procfs.ts";
import { until } from "./until.ts";

/** Nobody's, on a machine of ours. */
export const OWN_UID = 54_321;
/** What to put in front of a command that is to run as that user. */
export const AS_OWN_USER = ["setpriv", `--reuid=${OWN_UID}`, "--clear-groups"] as const;

let made = 0;

/** A cgroup v2 of a test's own; what runs in it must be about to end when it is disposed of. */
export class OwnCgroup implements AsyncDisposable {
	readonly path: string;

	/** @param name of its own on this machine, too */
	constructor(name = `conntracer-test-${process.pid}-${made++}`) {
		const root = cgroup2MountPoint(mounts());
		if (root === null) throw new Error("cgroup v2 is not mounted");
		this.path = join(root, name);
		mkdirSync(this.path);
	}

	/** What to put in front of a command that is to run in it; `ip netns exec` hides it, so before that. */
	get prefix(): readonly string[] {
		return ["sh", "-c", `echo $$ > ${this.path}/cgroup.procs && exec "$@"`, "sh"];
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const pids = (): string => readFileSync(join(this.path, "cgroup.procs"), "utf8");
		const soFar = (): string => `in it: ${pids().split("\n").join(" ")}`;
		await until(`${this.path} to be empty`, () => pids() === "", { everyMs: 1, soFar });
		rmdirSync(this.path);
	}
}
