/** One JSON object a line, fields in the order of the contract. */

import type {
	Aggregate,
	FlowBatch,
	FlowRecord,
	GapRecord,
	ReadyRecord,
	SummaryRecord,
	TcpCounts,
} from "../flow/records.ts";
import { flowFields } from "./column-options.ts";
import type { Output, Sink } from "./sink.ts";
import { safeJson } from "./text.ts";

export interface JsonOptions {
	readonly aggregate: Aggregate;
	readonly summary: boolean;
}

export class JsonLines implements Sink {
	readonly #output: Output;
	readonly #summary: boolean;
	/** As JSON.stringify wants them, which keeps their order. */
	readonly #fields: (keyof FlowRecord)[];

	constructor(options: JsonOptions, output: Output) {
		this.#output = output;
		this.#summary = options.summary;
		this.#fields = [...flowFields(options.aggregate)];
	}

	ready(record: ReadyRecord): void {
		const { type, time, version, kernel, libbpf, hooks, programs, open_connections } = record;
		this.#write([
			JSON.stringify({ type, time, version, kernel, libbpf, hooks, programs, open_connections }),
		]);
	}

	/** One write for the whole batch. */
	flows(batch: FlowBatch): void {
		const flows = batch.flows.map((flow) => JSON.stringify(flow, this.#fields));
		this.#write([...flows, ...batch.gaps.map(gapJson)]);
	}

	summary(record: SummaryRecord): void {
		if (!this.#summary) return;
		const { type, time, duration_ms, seen, kernel, unverified, lost, self } = record;
		const { cpu_ms, peak_memory_bytes, bpf_runs, bpf_ns } = self;
		this.#write([
			JSON.stringify({
				...{ type, time, duration_ms },
				...{ seen: counts(seen), kernel: counts(kernel), unverified: counts(unverified), lost },
				self: { cpu_ms, peak_memory_bytes, bpf_runs, bpf_ns },
			}),
		]);
	}

	close(): void {}

	#write(lines: readonly string[]): void {
		if (lines.length > 0) this.#output.write(`${lines.map(safeJson).join("\n")}\n`);
	}
}

function gapJson({ type, from, to, stage, count, hint }: GapRecord): string {
	return JSON.stringify({ type, from, to, stage, count, hint });
}

function counts({ active_opens, passive_opens, attempt_fails, estab_resets }: TcpCounts) {
	return { active_opens, passive_opens, attempt_fails, estab_resets };
}
