/** The output of a child process, line by line, with waiting for what it says. */

import { TIME_FACTOR } from "./time-factor.ts";
import { short } from "./until.ts";

const WAIT_MS = 60_000 * TIME_FACTOR;

export class Lines {
	readonly all: string[] = [];
	#rest = "";
	#hasEnded = false;
	#wakers: (() => void)[] = [];
	readonly #name: string;
	/** Settles when the stream has ended. */
	readonly end: Promise<void>;

	constructor(name: string, stream: ReadableStream<Uint8Array>) {
		this.#name = name;
		this.end = this.#read(stream);
	}

	async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
		const decoder = new TextDecoder();
		for await (const chunk of stream) {
			const parts = (this.#rest + decoder.decode(chunk, { stream: true })).split("\n");
			this.#rest = parts.pop() ?? "";
			this.all.push(...parts);
			this.#wake();
		}
		if (this.#rest !== "") this.all.push(this.#rest);
		this.#hasEnded = true;
		this.#wake();
	}

	#wake(): void {
		const wakers = this.#wakers;
		this.#wakers = [];
		for (const wake of wakers) wake();
	}

	/**
	 * The first result that is not undefined; `find` is called again whenever lines arrive.
	 * @param soFar what has come by now, for the error
	 * @throws when the stream ends, or too much time passes, before that
	 */
	async wait<T>(
		what: string,
		find: () => T | undefined,
		soFar: () => string = () => this.#lastLines(),
	): Promise<T> {
		const deadline = Date.now() + WAIT_MS;
		for (;;) {
			const hasEnded = this.#hasEnded;
			const found = find();
			if (found !== undefined) return found;
			if (hasEnded) throw new Error(`${this.#name} has ended without ${what}; so far: ${soFar()}`);
			if (Date.now() >= deadline)
				throw new Error(`${this.#name}: waited ${WAIT_MS} ms for ${what}; so far: ${soFar()}`);
			await this.#next(deadline - Date.now());
		}
	}

	#lastLines(): string {
		const last = this.all.slice(-5).map((line) => `\n${short(line)}`);
		return `${this.all.length} lines, the last:${last.join("")}`;
	}

	#next(timeoutMs: number): Promise<void> {
		return new Promise((resolve) => {
			const timer = setTimeout(resolve, timeoutMs);
			this.#wakers.push(() => {
				clearTimeout(timer);
				resolve();
			});
		});
	}
}
