/** One JSON object a line, fields in the order of the contract. */

import type { GapRecord, ReadyRecord, SummaryRecord, TcpCounts } from "../flow/records.ts";
import type { Output, RunSink } from "./sink.ts";
import { summaryText } from "./summary-text.ts";
import { safeJson } from "./text.ts";

export interface JsonOptions<Row> {
	/** A row on one line, as JSON.stringify makes it. */
	readonly lineOf: (row: Row) => string;
	/** The summary is the last record. */
	readonly summary: boolean;
}

export class JsonLines<Row> {
	readonly #output: Output;
	readonly #stderr: Output;
	readonly #options: JsonOptions<Row>;

	constructor(options: JsonOptions<Row>, output: Output, stderr: Output) {
		this.#options = options;
		this.#output = output;
		this.#stderr = stderr;
	}

	/** All but the rows. */
	run(): RunSink {
		return {
			ready: (record) => this.#ready(record),
			summary: (record) => this.#summary(record),
			close() {},
		};
	}

	#ready(record: ReadyRecord): void {
		const { type, time, version, kernel, libbpf, hooks, programs, open_connections } = record;
		this.#write({ type, time, version, kernel, libbpf, hooks, programs, open_connections });
	}

	/** One write for the whole batch. */
	batch(rows: readonly Row[], gaps: readonly GapRecord[]): void {
		const { lineOf } = this.#options;
		let text = "";
		for (const row of rows) text += `${safeJson(lineOf(row))}\n`;
		for (const gap of gaps) text += `${safeJson(gapJson(gap))}\n`;
		if (text !== "") this.#output.write(text);
	}

	/** A person at a terminal sees it in any case. */
	#summary(record: SummaryRecord): void {
		if (this.#options.summary) this.#writeSummary(record);
		if (this.#stderr.isTerminal) this.#stderr.write(summaryText(record));
	}

	#writeSummary(record: SummaryRecord): void {
		const { type, time, duration_ms, seen, kernel, unverified, lost, self } = record;
		const { cpu_ms, peak_memory_bytes, bpf_runs, bpf_ns } = self;
		this.#write({
			...{ type, time, duration_ms },
			...{
				seen: seen && counts(seen),
				kernel: kernel && counts(kernel),
				unverified: counts(unverified),
				lost,
			},
			self: { cpu_ms, peak_memory_bytes, bpf_runs, bpf_ns },
		});
	}

	#write(record: object): void {
		this.#output.write(`${safeJson(JSON.stringify(record))}\n`);
	}
}

function gapJson({ type, from, to, stage, count, hint }: GapRecord): string {
	return JSON.stringify({ type, from, to, stage, count, hint });
}

function counts({ active_opens, passive_opens, attempt_fails, estab_resets }: TcpCounts) {
	return { active_opens, passive_opens, attempt_fails, estab_resets };
}
