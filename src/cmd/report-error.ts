/** The one place that turns errors into text and an exit code. */

import { ConntracerError, type ErrorCode } from "../errors.ts";
import type { Output } from "../sink/sink.ts";
import { safeJson, safeText } from "../sink/text.ts";

export const EXIT_DONE = 0;
const EXIT_BUG = 1;
export const EXIT_NOT_PERMITTED = 3;
export const EXIT_UNSUPPORTED = 4;
/** With --strict, if anything was lost. */
export const EXIT_LOST = 6;

const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
	libbpf: EXIT_BUG,
	decode: EXIT_BUG,
	layout: EXIT_BUG,
	usage: 2,
	permission: EXIT_NOT_PERMITTED,
	unsupported: EXIT_UNSUPPORTED,
	libbpf_missing: 5,
};

export interface ErrorStyle {
	readonly json: boolean;
	/** Text only: the stack below the line. */
	readonly verbose: boolean;
}

interface Report {
	readonly code: ErrorCode | "system" | "bug";
	readonly message: string;
	readonly hint: string | null;
}

/**
 * Writes one line: cause and remedy.
 *
 * @returns the exit code
 */
export function reportError(error: unknown, style: ErrorStyle, stderr: Output): number {
	const { code, message, hint } = describe(error);
	if (style.json) {
		stderr.write(`${safeJson(JSON.stringify({ type: "error", code, message, hint }))}\n`);
	} else {
		const remedy = hint === null ? "" : ` (${oneLine(hint)})`;
		stderr.write(`conntracer: ${oneLine(message)}${remedy}\n`);
		if (style.verbose) stderr.write(stackOf(error));
	}
	return error instanceof ConntracerError ? EXIT_CODES[error.code] : EXIT_BUG;
}

function describe(error: unknown): Report {
	if (error instanceof ConntracerError) {
		return { code: error.code, message: error.message, hint: error.hint };
	}
	const message = error instanceof Error ? error.message : String(error);
	// A full disk behind standard output, for example.
	if (error instanceof Error && "syscall" in error) return { code: "system", message, hint: null };
	const hint = "this is a bug: please report it, with the output of --verbose";
	return { code: "bug", message: `internal error: ${message}`, hint };
}

/** A log of libbpf has many. */
function oneLine(text: string): string {
	return safeText(text.trim().replace(/\s*\n\s*/g, "; "));
}

function stackOf(error: unknown): string {
	if (!(error instanceof Error)) return "";
	const lines = `${error.stack ?? ""}`.split("\n").map((line) => `${safeText(line)}\n`);
	return lines.join("") + (error.cause === undefined ? "" : stackOf(error.cause));
}
