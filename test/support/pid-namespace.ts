/** A pid namespace with a /proc of its own, as a container has it. */

import { readFileSync } from "node:fs";
import type { Subprocess } from "bun";
import { conntracerBinary } from "./conntracer.ts";
import { Lines } from "./lines.ts";

/** Whoever is in it ends when it is disposed of. */
export class PidNamespace implements AsyncDisposable {
	readonly #outer: Subprocess<"pipe", "pipe", "inherit">;
	/** Its process 1, as we see it. */
	readonly #pid: number;

	private constructor(outer: Subprocess<"pipe", "pipe", "inherit">, pid: number) {
		this.#outer = outer;
		this.#pid = pid;
	}

	static async make(): Promise<PidNamespace> {
		const unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
		const outer = Bun.spawn([...unshare, "sh", "-c", "echo there; read -r _"], {
			...({ stdin: "pipe", stdout: "pipe", stderr: "inherit" } as const),
		});
		const lines = new Lines("unshare", outer.stdout);
		await lines.wait("a namespace", () => lines.all[0]);
		return new PidNamespace(outer, childOf(outer.pid));
	}

	/** What to put in front of a command that is to run in it. */
	get prefix(): readonly string[] {
		return ["nsenter", "--target", String(this.#pid), "--pid", "--mount", "--"];
	}

	get conntracer(): readonly string[] {
		return [...this.prefix, conntracerBinary()];
	}

	/** Starts one that does nothing and has this pid in it; ends with the namespace. */
	async startWithPid(pid: number): Promise<void> {
		const script = `echo ${pid - 1} > /proc/sys/kernel/ns_last_pid; sleep 1000 & echo $!; wait`;
		const shell = Bun.spawn([...this.prefix, "sh", "-c", script], { stdout: "pipe" });
		const lines = new Lines("sh", shell.stdout);
		const got = await lines.wait("a pid", () => lines.all[0]);
		if (Number(got) !== pid) throw new Error(`asked for pid ${pid}, and got ${got}`);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#outer.kill("SIGKILL");
		await this.#outer.exited;
	}
}

/** The one process that another has made, such as nsenter. */
export function childOf(pid: number): number {
	return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
}
