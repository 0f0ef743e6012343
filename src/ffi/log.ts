/** What libbpf prints: kept for the next error instead of standard error. */

import { JSCallback, type Pointer } from "bun:ffi";
import { formatVaList } from "./libc.ts";

const LINE_BYTES = 4096;
const KEPT_LINES = 400;

/** The lines of a verifier log that say what is wrong: libbpf's own, and the last before "processed". */
export const summarizeLog = (lines: readonly string[]): string => {
	const text = lines
		.join("")
		.split("\n")
		.map((line) => line.replace(/^libbpf: /, "").trim())
		.filter((line) => line !== "");
	const end = text.findIndex((line) => /^processed \d+ insns/.test(line));
	const kept = end > 0 ? text.slice(Math.max(0, end - 2), end) : text.slice(0, 3);
	const named = text.find((line) => line.startsWith("prog '"));
	return (named === undefined || kept.includes(named) ? kept : [named, ...kept]).join("; ");
};

export class LibbpfLog {
	readonly #lines: string[] = [];
	readonly #line = new Uint8Array(LINE_BYTES);
	/** SAFETY: libbpf holds this pointer until set_print is called anew, so it is never closed before. */
	readonly #callback: JSCallback;

	constructor() {
		this.#callback = new JSCallback(
			(level: number, format: Pointer, list: Pointer) => this.#keep(level, format, list),
			{ args: ["i32", "ptr", "ptr"], returns: "i32" },
		);
	}

	get pointer(): Pointer | null {
		return this.#callback.ptr;
	}

	/** What was said since the last call, shortened to what matters. */
	take(): string {
		return summarizeLog(this.#lines.splice(0));
	}

	#keep(level: number, format: Pointer, list: Pointer): number {
		const LIBBPF_DEBUG = 2;
		if (level < LIBBPF_DEBUG) {
			this.#lines.push(formatVaList(this.#line, format, list));
			if (this.#lines.length > KEPT_LINES) this.#lines.shift();
		}
		return 0;
	}
}
