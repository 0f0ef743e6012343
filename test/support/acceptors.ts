/** A program of test/support/acceptors.c: threads that wait in accept(). */

import type { Subprocess } from "bun";
import { cProgram } from "./c-program.ts";
import { Lines } from "./lines.ts";

interface Ready {
	readonly type: "ready";
	readonly pid: number;
	readonly port: number;
}

/** A connection, by the port of its other side. */
export interface Accepted {
	readonly type: "accepted";
	readonly tid: number;
	readonly port: number;
}

/** Killed, if need be, when disposed. */
export class Acceptors implements AsyncDisposable {
	readonly pid: number;
	readonly port: number;
	readonly #child: Subprocess<"pipe", "pipe", "inherit">;
	readonly #lines: Lines;

	private constructor(child: Subprocess<"pipe", "pipe", "inherit">, lines: Lines, ready: Ready) {
		this.#child = child;
		this.#lines = lines;
		this.pid = ready.pid;
		this.port = ready.port;
	}

	/** Comes back when all threads wait. */
	static async start(threads: number, turns: number): Promise<Acceptors> {
		const stdio = { stdin: "pipe", stdout: "pipe", stderr: "inherit" } as const;
		const child = Bun.spawn([cProgram("acceptors"), `${threads}`, `${turns}`], stdio);
		const lines = new Lines("acceptors", child.stdout);
		const ready = await lines.wait("being ready", () => lines.all[0]);
		return new Acceptors(child, lines, JSON.parse(ready));
	}

	/** Connects to each thread so often as it waits. */
	async run(): Promise<Accepted[]> {
		this.#child.stdin.write("\n");
		this.#child.stdin.end();
		const code = await this.#child.exited;
		await this.#lines.end;
		if (code !== 0) throw new Error(`acceptors: exit code ${code}`);
		return this.#lines.all.slice(1).map((line) => JSON.parse(line));
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}
