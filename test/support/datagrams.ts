/** Processes that send and receive datagrams, one call after the other, as a test tells them. */

import type { FileSink, Subprocess } from "bun";
import { cProgram } from "./c-program.ts";
import { Lines } from "./lines.ts";

/** What the calls of one line returned. */
export interface Result {
	readonly type: "done";
	readonly datagrams: number;
	readonly bytes: number;
	/** Of the call that ended it. */
	readonly error: string | null;
	/** As getsockname() says. */
	readonly local: string | null;
	readonly local_port: number | null;
	/** Who was sent to, or heard last. */
	readonly peer: string | null;
	readonly peer_port: number | null;
	/** CLOCK_REALTIME. */
	readonly before_ns: string;
	readonly after_ns: string;
}

/** What a process did so far, as its calls returned. */
export interface DatagramTruth {
	readonly type: "truth";
	readonly pid: number;
	readonly netns: number;
	readonly datagrams_sent: number;
	readonly bytes_sent: number;
	readonly datagrams_received: number;
	readonly bytes_received: number;
	/** Calls, by errno. */
	readonly failed: Readonly<Record<string, number>>;
}

let named = 0;

/** A running process. Killed, if need be, when disposed. */
export class DatagramProcess implements AsyncDisposable {
	/** Its own, so that test runs beside each other do not mix. */
	readonly name: string;
	readonly #child: Subprocess<"pipe", "pipe", "pipe">;
	readonly #input: FileSink;
	readonly #lines: Lines;
	readonly #errors: Lines;
	#asked = 0;

	/** @param role at most 5 characters; `prefix` runs it elsewhere, for example in a namespace. */
	constructor(role: string, prefix: readonly string[] = []) {
		this.name = `${role}-${process.pid.toString(36)}-${(named++).toString(36)}`;
		this.#child = Bun.spawn([...prefix, cProgram("datagrams"), this.name], {
			stdin: "pipe",
			stdout: "pipe",
			stderr: "pipe",
		});
		this.#input = this.#child.stdin;
		this.#lines = new Lines(this.name, this.#child.stdout);
		this.#errors = new Lines(this.name, this.#child.stderr);
	}

	/** What happens, failed calls included. The lines are those of datagrams.c. */
	async attempt(line: string): Promise<Result> {
		const answer = await this.#ask(line);
		if (answer.type !== "done") throw new Error(`${line}: a truth for an answer`);
		return answer;
	}

	/** @throws where a call fails */
	async do(line: string): Promise<Result> {
		const result = await this.attempt(line);
		if (result.error !== null) throw new Error(`${this.name}: ${line}: ${result.error}`);
		return result;
	}

	async truth(): Promise<DatagramTruth> {
		const answer = await this.#ask("truth");
		if (answer.type !== "truth") throw new Error("no truth for an answer");
		return answer;
	}

	async #ask(line: string): Promise<Result | DatagramTruth> {
		const turn = this.#asked++;
		this.#input.write(`${line}\n`);
		this.#input.flush();
		try {
			return JSON.parse(await this.#lines.wait(line, () => this.#lines.all[turn]));
		} catch (error) {
			throw new Error(this.#errors.all.join("\n"), { cause: error });
		}
	}

	/** Its sockets are closed by its end. */
	async end(): Promise<DatagramTruth> {
		this.#input.end();
		const code = await this.#child.exited;
		await Promise.all([this.#lines.end, this.#errors.end]);
		if (code !== 0) throw new Error(`${this.name}: code ${code}: ${this.#errors.all.join("\n")}`);
		return JSON.parse(this.#lines.all.at(-1) ?? "null");
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}

const LEAST_PORT = 20_000;
const MOST_PORT = 30_000; // below those that the kernel gives

/** Binds a new socket, or the one of that number, to a port that it chooses: so it is a server. */
export async function serve(
	process: DatagramProcess,
	address: string,
	socket: number | null = null,
): Promise<number> {
	if (socket === null) await process.do(`open ${address.includes(":") ? "inet6" : "inet"}`);
	for (;;) {
		const port = LEAST_PORT + Math.floor(Math.random() * (MOST_PORT - LEAST_PORT));
		const { error } = await process.attempt(`bind ${socket ?? 0} ${address} ${port}`);
		if (error === null) return port;
		if (error !== "EADDRINUSE") throw new Error(`bind: ${error}`);
	}
}

/** A server, and a client that is connected to it: their sockets 0. Comes back with the port. */
export async function meet(server: DatagramProcess, client: DatagramProcess): Promise<number> {
	const port = await serve(server, "127.0.0.1");
	await client.do("open inet");
	await client.do(`connect 0 127.0.0.1 ${port}`);
	return port;
}
