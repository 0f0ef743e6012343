/**
 * Lines of a service, on standard error: as text for people, as logfmt, or as JSON. A line that cannot
 * be written is counted, and is no reason to end or to wait.
 */

import { isoTime } from "../flow/clock.ts";
import type { Output } from "./sink.ts";
import { safeJson, safeText } from "./text.ts";

export const LOG_FORMATS = ["text", "logfmt", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export type LogLevel = "info" | "warn" | "error";

export type LogValue =
	| string
	| number
	| boolean
	| null
	| readonly LogValue[]
	| { readonly [key: string]: LogValue };

/** Besides time, level and message. */
export type LogFields = Readonly<Record<string, LogValue>>;

export type LogOutput = Pick<Output, "write"> & Partial<Pick<Output, "isClosed" | "wouldBlock">>;

const now = (): string => isoTime(Date.now());

export class Log {
	/** Of the lines from now on. */
	format: LogFormat;
	readonly #output: LogOutput;
	readonly #now: () => string;
	#unwritten = 0;
	/** Of the unwritten ones, those that no line has told of. */
	#untold = 0;

	constructor(output: LogOutput, format: LogFormat, clock: () => string = now) {
		this.#output = output;
		this.format = format;
		this.#now = clock;
	}

	/** Lines that could not be written, since the start. */
	get unwritten(): number {
		return this.#unwritten;
	}

	/** @param text whole lines, in place of the message and without its fields where that is the format */
	line(level: LogLevel, message: string, fields: LogFields = {}, text: string | null = null): void {
		if (this.#untold > 0) {
			const untold = this.#untold;
			const told = `${untold} lines of the log could not be written`;
			if (!this.#write(this.#format("warn", told, { unwritten: untold }, null))) {
				this.#lose();
				return;
			}
			this.#untold = 0;
		}
		if (!this.#write(this.#format(level, message, fields, text))) this.#lose();
	}

	#format(level: LogLevel, message: string, fields: LogFields, text: string | null): string {
		if (this.format === "text") return clip(text ?? `conntracer: ${safeText(message)}\n`);
		const all = { time: this.#now(), level, message, ...fields };
		let line = "";
		for (const most of MOST_OF_VALUE) {
			const clipped = clippedIn(all, most) as LogFields;
			line = `${this.format === "json" ? safeJson(JSON.stringify(clipped)) : logfmt(clipped)}\n`;
			if (Buffer.byteLength(line) <= MOST_BYTES) break;
		}
		return line;
	}

	#lose(): void {
		this.#unwritten++;
		this.#untold++;
	}

	/** A full disk, a reader that is gone, one that does not read. */
	#write(line: string): boolean {
		if (this.#isClosed() || this.#output.wouldBlock?.() === true) return false;
		try {
			this.#output.write(line);
		} catch {
			return false;
		}
		return !this.#isClosed();
	}

	#isClosed(): boolean {
		return this.#output.isClosed === true;
	}
}

/** So many go into a pipe at once where there is any room at all (PIPE_BUF). */
const MOST_BYTES = 4096;
/** Characters of a value; where a line is longer than that all the same, fewer. */
const MOST_OF_VALUE = [1000, 100];

/** Of text, at most as many bytes. */
function clip(text: string): string {
	const bytes = new TextEncoder().encode(text);
	if (bytes.length <= MOST_BYTES) return text;
	const kept = new TextDecoder().decode(bytes.subarray(0, MOST_BYTES - ENDING.length), {
		stream: true,
	});
	return `${kept}${ENDING}`;
}
const ENDING = "...\n";

function clippedIn(value: LogValue, most: number): LogValue {
	if (typeof value === "string") return value.length > most ? `${value.slice(0, most)}...` : value;
	if (Array.isArray(value)) return value.map((one: LogValue) => clippedIn(one, most));
	if (!isObject(value)) return value;
	return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, clippedIn(one, most)]));
}

/** Words that need no quotes. */
const PLAIN = /^[\w.:/@+,[\]-]+$/;

/** Objects become names with dots. */
function logfmt(fields: LogFields): string {
	return pairsOf("", fields).join(" ");
}

function pairsOf(prefix: string, fields: LogFields): string[] {
	return Object.entries(fields).flatMap(([key, value]) => {
		const name = `${prefix}${key.replace(/[^\w.-]/g, "_")}`;
		if (isObject(value)) return pairsOf(`${name}.`, value);
		return [`${name}=${quoted(Array.isArray(value) ? value.join(",") : String(value))}`];
	});
}

const isObject = (value: LogValue): value is { readonly [key: string]: LogValue } =>
	typeof value === "object" && value !== null && !Array.isArray(value);

const quoted = (text: string): string => (PLAIN.test(text) ? text : safeJson(JSON.stringify(text)));
