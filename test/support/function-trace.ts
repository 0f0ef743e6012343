/** Which functions of the kernel are called, and by whom, as its function tracer writes it down. */

import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const TRACING = "/sys/kernel/tracing";
const BUFFER_KB = "20000";

/** An instance of its own, from its making to its disposal. */
export class FunctionTrace implements Disposable {
	readonly #directory = join(TRACING, `instances/conntracer-test-${process.pid}`);

	/** Those of `functions` that this kernel has, which must be one at least. */
	constructor(functions: readonly string[]) {
		const available = readFileSync(join(TRACING, "available_filter_functions"), "utf8");
		const names = new Set(available.split("\n").map((line) => line.split(" ")[0]));
		const traced = functions.filter((name) => names.has(name));
		if (traced.length === 0) throw new Error(`no function is called ${functions.join(" or ")}`);
		mkdirSync(this.#directory);
		this.#write("buffer_size_kb", BUFFER_KB);
		this.#write("set_ftrace_filter", traced.join(" "));
	}

	#write(file: string, text: string): void {
		writeFileSync(join(this.#directory, file), text);
	}

	start(): void {
		this.#write("current_tracer", "function");
	}

	/** How often each was called by a caller that matches. */
	stop(caller: RegExp): Map<string, number> {
		this.#write("tracing_on", "0");
		const counts = new Map<string, number>();
		for (const line of readFileSync(join(this.#directory, "trace"), "utf8").split("\n")) {
			const [, name = "", from = ""] = /: (\S+) <-(\S+)/.exec(line) ?? [];
			if (caller.test(from)) counts.set(name, (counts.get(name) ?? 0) + 1);
		}
		return counts;
	}

	[Symbol.dispose](): void {
		this.#write("current_tracer", "nop");
		rmdirSync(this.#directory);
	}
}
