/** What a process asks of the kernel meanwhile, as strace counts it. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { until } from "./until.ts";

/** Not those that a runtime makes for itself, when it likes: locks, its heap, its timers. */
const COUNTED = "bpf,read,pread64,readv,write,writev,pwrite64,openat,close,ioctl,poll,ppoll";

/**
 * Not counted either: the runtime reads the size of its heap as often as there is garbage, and a cgroup that nobody
 * knows is looked for once a second at most, in as many directories as a machine has.
 */
const ELSEWHERE: readonly (readonly [path: string, calls: readonly string[]])[] = [
	['"/proc/self/statm"', ["openat", "read", "close"]],
	['"/sys/fs/cgroup', ["openat", "close"]],
];

/** From attach() to detach(). */
export class SystemCalls {
	readonly #directory = mkdtempSync(join(tmpdir(), "conntracer-strace-"));
	readonly #child: Subprocess<"ignore", "ignore", "pipe">;

	private constructor(pid: number) {
		const output = join(this.#directory, "calls");
		const what = ["-f", "-qq", "-e", `trace=${COUNTED}`, "-e", "signal=none", "-o", output];
		this.#child = Bun.spawn(["strace", ...what, "-p", `${pid}`], {
			...{ stdin: "ignore", stdout: "ignore", stderr: "pipe" },
		});
	}

	static async attach(pid: number): Promise<SystemCalls> {
		const calls = new SystemCalls(pid);
		const isTraced = (): boolean =>
			!/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
		const isAttached = async (): Promise<boolean> => {
			if (calls.#child.exitCode !== null)
				throw new Error(`strace: ${await new Response(calls.#child.stderr).text()}`);
			return isTraced();
		};
		await until("strace to attach", isAttached, { everyMs: 1 });
		return calls;
	}

	/** By name. */
	async detach(): Promise<ReadonlyMap<string, number>> {
		this.#child.kill("SIGINT");
		await this.#child.exited;
		const text = readFileSync(join(this.#directory, "calls"), "utf8");
		rmSync(this.#directory, { recursive: true });
		const counts = new Map<string, number>();
		for (const [, name = ""] of text.matchAll(/^\d+ +(\w+)\(/gm))
			counts.set(name, (counts.get(name) ?? 0) + 1);
		for (const [path, calls] of ELSEWHERE) {
			const times = text.split(path).length - 1;
			for (const name of calls) counts.set(name, (counts.get(name) ?? 0) - times);
		}
		return counts;
	}
}
