/** A program of test/support/sockets.c with sockets of its own. */

import type { Subprocess } from "bun";
import { cProgram } from "./c-program.ts";
import { Lines } from "./lines.ts";

interface OpenSocket {
	readonly type: "socket";
	readonly what: "udp" | "listener" | "client" | "accepted";
	readonly fd: number;
	/** The local one. */
	readonly port: number;
}

interface Child {
	readonly type: "child";
	readonly pid: number;
	/** Of the last socket, in the child. */
	readonly fd: number;
}

interface Ready {
	readonly type: "ready";
	readonly pid: number;
}

/** Holds its sockets until it is disposed of. */
export class Sockets implements AsyncDisposable {
	readonly pid: number;
	readonly sockets: readonly OpenSocket[];
	readonly children: readonly Child[];
	readonly #program: Subprocess;

	private constructor(program: Subprocess, said: readonly (OpenSocket | Child | Ready)[]) {
		this.#program = program;
		this.pid = said.find((one) => one.type === "ready")?.pid ?? 0;
		this.sockets = said.filter((one) => one.type === "socket");
		this.children = said.filter((one) => one.type === "child");
	}

	/** `words` as sockets.c has them; `prefix` runs it elsewhere, for example in a namespace. */
	static async open(
		name: string,
		words: readonly string[],
		prefix: readonly string[] = [],
	): Promise<Sockets> {
		const command = [...prefix, cProgram("sockets"), name, ...words];
		const stdio = { stdin: "pipe", stdout: "pipe", stderr: "inherit" } as const;
		const program = Bun.spawn(command, stdio);
		const lines = new Lines(`sockets ${words.join(" ")}`, program.stdout);
		const records = (): (OpenSocket | Child | Ready)[] => lines.all.map((line) => JSON.parse(line));
		await lines.wait("being ready", () => records().find(({ type }) => type === "ready"));
		return new Sockets(program, records());
	}

	/** The first one of a kind. */
	find(what: OpenSocket["what"]): OpenSocket {
		const found = this.sockets.find((one) => one.what === what);
		if (found === undefined) throw new Error(`there is no socket ${what}`);
		return found;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#program.kill("SIGKILL"); // its children die with it: PR_SET_PDEATHSIG
		await this.#program.exited;
	}
}
