/** What `serve` says in its log. Of requests only those that failed for a fault of ours. */

import { ConntracerError } from "../errors.ts";
import type { ReadyRecord, SummaryRecord } from "../flow/records.ts";
import { Log, type LogFields, type LogFormat, type LogOutput } from "../sink/log.ts";
import { readyText, summaryText } from "../sink/summary-text.ts";
import { safeText } from "../sink/text.ts";

/** Between two lines of the same failure. */
const QUIET_MS = 10_000;
/** That are told apart. */
const MOST_FAILURES = 32;

export class ServeLog {
	readonly #log: Log;
	/** By message; the one that happened last comes last. */
	readonly #failures = new Map<string, { saidAt: number; times: number }>();

	constructor(output: LogOutput, format: LogFormat) {
		this.#log = new Log(output, format);
	}

	/** Of the lines from now on. */
	set format(format: LogFormat) {
		this.#log.format = format;
	}

	/** Lines that could not be written, since the start. */
	get unwritten(): number {
		return this.#log.unwritten;
	}

	ready(record: ReadyRecord): void {
		const { type, time, ...fields } = record;
		this.#log.line("info", "ready", fields, readyText(record));
	}

	serving(places: readonly string[]): void {
		const text = `conntracer: serving ${safeText(places.join(" and "))}\n`;
		this.#log.line("info", "serving", { places }, text);
	}

	/**
	 * An answer, a notification, or a look at what has happened: the service goes on. The same again is
	 * told every ten seconds, with how often it happened since.
	 */
	failed(error: unknown): void {
		const message = error instanceof Error ? error.message : String(error);
		const hint = error instanceof ConntracerError ? error.hint : null;
		const known = this.#failures.get(message) ?? { saidAt: Number.NEGATIVE_INFINITY, times: 0 };
		known.times++;
		const now = performance.now();
		if (now - known.saidAt >= QUIET_MS) {
			const { times } = known;
			[known.saidAt, known.times] = [now, 0];
			const often = times > 1 ? `, ${times} times` : "";
			const remedy = hint === null ? "" : ` (${hint})`;
			const text = `conntracer: serve: ${safeText(`${message}${remedy}${often}`)}\n`;
			this.#log.line("error", "failed", { error: message, hint, times }, text);
		}
		this.#failures.delete(message);
		this.#failures.set(message, known);
		for (const oldest of this.#failures.keys()) {
			if (this.#failures.size <= MOST_FAILURES) break;
			this.#failures.delete(oldest);
		}
	}

	/** What is not known of processes, and what to do. */
	missing(what: string): void {
		this.#log.line("warn", "processes", { missing: what }, `conntracer: ${safeText(what)}\n`);
	}

	/**
	 * @param applied options that have changed, and are in force
	 * @param restart those that have changed, and are not
	 */
	reloaded(applied: readonly string[], restart: readonly string[]): void {
		const fields: LogFields = { applied, restart };
		const words = [
			"reloaded",
			applied.length === 0 ? "nothing else than before" : applied.join(", "),
			...(restart.length === 0 ? [] : [`restart to apply: ${restart.join(", ")}`]),
		];
		const text = `conntracer: ${safeText(`${words[0]}: ${words.slice(1).join("; ")}`)}\n`;
		this.#log.line(restart.length === 0 ? "info" : "warn", "reloaded", fields, text);
	}

	/** It goes on with what it had. */
	notReloaded(error: unknown): void {
		const message = error instanceof Error ? error.message : String(error);
		const hint = error instanceof ConntracerError ? error.hint : null;
		const remedy = hint === null ? "" : ` (${hint})`;
		const text = `conntracer: not reloaded: ${safeText(`${message}${remedy}`)}\n`;
		this.#log.line("error", "not reloaded", { error: message, hint }, text);
	}

	summary(record: SummaryRecord): void {
		const { type, time, ...fields } = record;
		const isLossless = Object.values(record.lost).every((lost) => lost === 0);
		const all: LogFields = JSON.parse(JSON.stringify({ ...fields, log_unwritten: this.unwritten }));
		this.#log.line(isLossless ? "info" : "warn", "summary", all, summaryText(record));
	}
}
