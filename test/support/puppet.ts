/** Processes and threads that make one system call after the other, as a test tells them. */

import type { FileSink, Subprocess } from "bun";
import { cProgram } from "./c-program.ts";
import { Lines } from "./lines.ts";

/** What a call returned, and who made it. */
export interface Reply {
	readonly who: string;
	readonly pid: number;
	readonly tid: number;
	/** -1 where there is an error. */
	readonly result: number;
	readonly error: string | null;
	/** `accept`: of the other side. */
	readonly port?: number;
	/** `pair`: the other end. */
	readonly other?: number;
	readonly rtt?: number;
	readonly rttvar?: number;
	readonly retransmits?: number;
}

type Word = string | number;

class Stage implements AsyncDisposable {
	readonly #child: Subprocess<"pipe", "pipe", "inherit">;
	readonly #input: FileSink;
	readonly #lines: Lines;
	readonly #told = new Map<string, number>();

	constructor(prefix: readonly string[]) {
		this.#child = Bun.spawn([...prefix, cProgram("puppet")], {
			stdin: "pipe",
			stdout: "pipe",
			stderr: "inherit",
		});
		this.#input = this.#child.stdin;
		this.#lines = new Lines("puppet", this.#child.stdout);
	}

	get startedPid(): number {
		return this.#child.pid;
	}

	tell(who: string, words: readonly Word[]): void {
		this.#input.write(`${who || "."} ${words.join(" ")}\n`);
		this.#input.flush();
	}

	/** Of its next reply that nobody has waited for. */
	async next(who: string, what: string): Promise<Reply> {
		const turn = this.#told.get(who) ?? 0;
		this.#told.set(who, turn + 1);
		return await this.#lines.wait(what, () => {
			const replies = this.#lines.all.map((line): Reply => JSON.parse(line));
			return replies.filter((reply) => reply.who === who)[turn];
		});
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL"); // those that it made die with it: PR_SET_PDEATHSIG
		await this.#child.exited;
	}
}

/** One of them. Those that it makes must be told nothing while it waits in a call itself. */
export class Puppet implements AsyncDisposable {
	readonly #stage: Stage;
	readonly #path: string;

	private constructor(stage: Stage, path: string) {
		this.#stage = stage;
		this.#path = path;
	}

	/** `prefix` runs it elsewhere, for example in a network namespace. */
	static start(prefix: readonly string[] = []): Puppet {
		return new Puppet(new Stage(prefix), "");
	}

	/** A call that may fail. Commands are in puppet-*.c. */
	attempt(...words: readonly Word[]): Promise<Reply> {
		this.#stage.tell(this.#path, words);
		return this.#stage.next(this.#path, words.join(" "));
	}

	/** @throws if the call fails */
	async call(...words: readonly Word[]): Promise<Reply> {
		const reply = await this.attempt(...words);
		if (reply.error !== null) throw new Error(`puppet: ${words.join(" ")}: ${reply.error}`);
		return reply;
	}

	/** The result of a call that must not fail. */
	async do(...words: readonly Word[]): Promise<number> {
		return (await this.call(...words)).result;
	}

	/** `how`: fork, thread, clone_files or spawn. */
	async make(how: string, name: string): Promise<Puppet> {
		await this.call(how, name);
		const path = this.#path === "" ? name : `${this.#path}.${name}`;
		const made = new Puppet(this.#stage, path);
		if (how === "spawn") await this.#stage.next(path, "exec");
		return made;
	}

	/** Tells it to end. */
	exit(): void {
		this.#stage.tell(this.#path, ["exit"]);
	}

	/** Of what start() has run: the first puppet, or what stands in front of it. */
	get startedPid(): number {
		return this.#stage.startedPid;
	}

	/** As it sees itself. */
	async pid(): Promise<number> {
		return (await this.call("netns")).pid;
	}

	/** A socket that listens on `port` of 127.0.0.1, or on any; of another `kind` if need be. */
	async listen(
		port = 0,
		kind = "tcp4",
		address = "127.0.0.1",
	): Promise<[fd: number, port: number]> {
		const fd = await this.do("socket", kind);
		await this.call("set", fd, "reuseaddr", 1);
		await this.call("bind", fd, address, port);
		await this.call("listen", fd, 1024);
		return [fd, await this.do("local_port", fd)];
	}

	/** A connection to `port` of 127.0.0.1: its socket and own port. */
	async connect(
		port: number,
		kind = "tcp4",
		address = "127.0.0.1",
	): Promise<[fd: number, port: number]> {
		const fd = await this.do("socket", kind);
		await this.call("connect", fd, address, port);
		return [fd, await this.do("local_port", fd)];
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.#stage[Symbol.asyncDispose]();
	}
}
