/** Makes TCP traffic with test/support/traffic.c, and tells what really happened. */

import type { FileSink, Subprocess } from "bun";
import { cProgram } from "./c-program.ts";
import { Lines } from "./lines.ts";
import { TIME_FACTOR } from "./time-factor.ts";

/** What one process did. Counts are cumulative. */
export interface Truth {
	readonly type: "truth";
	readonly role: "client" | "server";
	/** False: a report on the way. */
	readonly final: boolean;
	/** CLOCK_REALTIME. */
	readonly time_ns: string;
	readonly pid: number;
	readonly name: string;
	readonly netns: number;
	/** connect() or accept() that succeeded. */
	readonly opened: number;
	readonly closed: number;
	/** connect() or accept() that failed, by errno. */
	readonly failed: Readonly<Record<string, number>>;
	/** Sockets closed while connecting. */
	readonly abandoned: number;
	/** send() or recv() that failed, by errno. */
	readonly interrupted: Readonly<Record<string, number>>;
	readonly bytes_sent: number;
	readonly bytes_received: number;
	/** Of the first 64 connections of a client. */
	readonly local_ports: readonly number[];
}

interface Ready {
	readonly type: "ready";
	readonly ports: readonly number[];
	readonly pids: readonly number[];
}

interface Held {
	readonly type: "held";
	readonly steps: number;
}

/** What the programs of one run did, added up for each side. */
export interface Outcome {
	readonly clients: readonly Truth[];
	readonly servers: readonly Truth[];
}

export interface Totals {
	readonly opened: number;
	readonly bytes_sent: number;
	readonly bytes_received: number;
}

export function totals(truths: readonly Truth[]): Totals {
	const sum = { opened: 0, bytes_sent: 0, bytes_received: 0 };
	for (const truth of truths) {
		sum.opened += truth.opened;
		sum.bytes_sent += truth.bytes_sent;
		sum.bytes_received += truth.bytes_received;
	}
	return sum;
}

/** Names for a test's own programs, so that test runs beside each other do not mix. */
export interface Programs {
	readonly client: string;
	readonly server: string;
	/** For the generator. */
	readonly names: readonly string[];
}

/** @param prefix at most 7 characters */
export function ownPrograms(prefix: string): Programs {
	const run = process.pid.toString(36);
	const [client, server] = [`${prefix}-c-${run}`, `${prefix}-s-${run}`];
	return { client, server, names: ["--client-name", client, "--server-name", server] };
}

/** The generator gives up after that; else after a minute. */
const TIMEOUT = TIME_FACTOR === 1 ? [] : ["--timeout", `${Math.min(60 * TIME_FACTOR, 600)}`];

/** A running generator. Gone, with all its processes, when disposed. */
export class Traffic implements AsyncDisposable {
	readonly #child: Subprocess<"pipe", "pipe", "pipe">;
	readonly #input: FileSink;
	readonly #lines: Lines;
	readonly #errors: Lines;
	#steps = 0;

	/** `prefix` runs it elsewhere, for example in a network namespace. */
	constructor([mode = "", ...args]: readonly string[], prefix: readonly string[] = []) {
		this.#child = Bun.spawn([...prefix, cProgram("traffic"), mode, ...TIMEOUT, ...args], {
			stdin: "pipe",
			stdout: "pipe",
			stderr: "pipe",
		});
		this.#input = this.#child.stdin;
		this.#lines = new Lines(`traffic ${[mode, ...args].join(" ")}`, this.#child.stdout);
		this.#errors = new Lines("traffic", this.#child.stderr);
	}

	#records(): (Truth | Ready | Held)[] {
		return this.#lines.all.map((line) => JSON.parse(line));
	}

	/** With --wait, or `serve`: the server listens. */
	ready(): Promise<Ready> {
		return this.#lines.wait("being ready", () =>
			this.#records().find((record) => record.type === "ready"),
		);
	}

	/** Ends --wait. */
	go(): void {
		this.#input.write("\n");
		this.#input.flush();
	}

	/** `hold`: all connections are open. */
	held(): Promise<Outcome> {
		return this.#afterStep();
	}

	/** `hold`: a request and a response on each connection. What was done until then. */
	step(): Promise<Outcome> {
		this.go();
		this.#steps++;
		return this.#afterStep();
	}

	async #afterStep(): Promise<Outcome> {
		const steps = this.#steps;
		await this.#lines.wait(`step ${steps}`, () =>
			this.#records().find((record) => record.type === "held" && record.steps === steps),
		);
		return this.#outcome(false);
	}

	/** The last word of each process. */
	#outcome(isFinal: boolean): Outcome {
		const last = new Map<number, Truth>();
		for (const record of this.#records())
			if (record.type === "truth" && record.final === isFinal) last.set(record.pid, record);
		const truths = [...last.values()];
		return {
			clients: truths.filter((truth) => truth.role === "client"),
			servers: truths.filter((truth) => truth.role === "server"),
		};
	}

	/** Ends its input, and waits for its end. */
	async finish(): Promise<Outcome> {
		this.#input.end();
		const code = await this.#child.exited;
		await Promise.all([this.#lines.end, this.#errors.end]);
		if (code !== 0) throw new Error(`traffic: exit code ${code}: ${this.#errors.all.join("\n")}`);
		return this.#outcome(true);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL"); // its processes die with it: PR_SET_PDEATHSIG
		await this.#child.exited;
	}
}

/** Runs the generator from beginning to end. */
export async function runTraffic(
	args: readonly string[],
	prefix: readonly string[] = [],
): Promise<Outcome> {
	await using traffic = new Traffic(args, prefix);
	return await traffic.finish();
}
