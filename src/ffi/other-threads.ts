/** A way into the threads of Bun's own, which no JavaScript runs in: a signal handler in C. */

import { dlopen } from "bun:ffi";
import { readFileSync, writeSync } from "node:fs";
import codePath from "../../build/on-every-thread.so" with { type: "file" };
import { closeFd, memoryFile, signalThread } from "./libc.ts";

/** No thread of Bun blocks it, and nobody sends it but the kernel, to programs under seccomp. */
const SIGSYS = 31;

const NOTHING = { args: [], returns: "i32" } as const;

const load = () => {
	const code = readFileSync(codePath);
	const fd = memoryFile("on-every-thread");
	try {
		for (let at = 0; at < code.length; ) at += writeSync(fd, code, at);
		// From memory: in the compiled binary the path is one that only Bun can read.
		return dlopen(`/proc/self/fd/${fd}`, { begin: NOTHING, end: NOTHING }).symbols;
	} finally {
		closeFd(fd);
	}
};

/**
 * Asks threads to give up their capabilities, and new privileges. Null where the code cannot be loaded.
 * SAFETY: the code stays in memory for good, as a thread may still be in it.
 */
export class OtherThreads {
	readonly #code: ReturnType<typeof load>;

	private constructor(code: ReturnType<typeof load>) {
		this.#code = code;
		code.begin();
	}

	static open(): OtherThreads | null {
		try {
			return new OtherThreads(load());
		} catch {
			return null;
		}
	}

	ask(thread: number): void {
		signalThread(thread, SIGSYS);
	}

	/** Once all have done it: a signal that comes later would be the end of the process. */
	close(): void {
		this.#code.end();
	}
}
