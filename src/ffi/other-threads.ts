/** A way into the threads of Bun's own, which no JavaScript runs in: a signal handler in C. */

import { cc } from "bun:ffi";
import { readFileSync, writeSync } from "node:fs";
import { closeFd, memoryFile, signalThread } from "./libc.ts";
import sourcePath from "./on-every-thread.c" with { type: "file" };

/** No thread of Bun blocks it, and nobody sends it but the kernel, to programs under seccomp. */
const SIGSYS = 31;

const compile = () => {
	const source = readFileSync(sourcePath);
	const fd = memoryFile("on-every-thread");
	try {
		for (let at = 0; at < source.length; ) at += writeSync(fd, source, at);
		const nothing = { args: [], returns: "i32" } as const;
		// From memory: in the compiled binary the path is one that only Bun can read.
		return cc({
			source: `/proc/self/fd/${fd}`,
			symbols: { begin: nothing, end: nothing },
		}).symbols;
	} finally {
		closeFd(fd);
	}
};

/**
 * Asks threads to give up their capabilities, and new privileges. Null where Bun cannot compile.
 * SAFETY: the code stays in memory for good, as a thread may still be in it.
 */
export class OtherThreads {
	readonly #code: ReturnType<typeof compile>;

	private constructor(code: ReturnType<typeof compile>) {
		this.#code = code;
		code.begin();
	}

	static open(): OtherThreads | null {
		try {
			return new OtherThreads(compile());
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
