/** Runs the command line in this process, with a tracer that plays given batches. */

import type { Context, FlowSource } from "../../src/cmd/command.ts";
import { runCli } from "../../src/cmd/run.ts";
import type { FilterSubject } from "../../src/flow/filter.ts";
import type { ProbeProgram } from "../../src/flow/probe-stats.ts";
import type {
	FlowBatch,
	FlowRecord,
	GapRecord,
	LossStage,
	ReadyRecord,
	SummaryRecord,
} from "../../src/flow/records.ts";
import type { Output } from "../../src/sink/sink.ts";
import type { FlowTracerOptions } from "../../src/trace/flow-tracer.ts";

const TIME = "2026-11-21T10:00:00.000000000Z";
const NO_COUNTS = { active_opens: 0, passive_opens: 0, attempt_fails: 0, estab_resets: 0 };

export function flow(fields: Partial<FlowRecord> = {}): FlowRecord {
	return {
		...{ type: "flow", time: TIME, interval_ms: 1000, transport: "tcp", family: "ipv4" },
		...{ direction: "active", local_address: "10.0.0.1", remote_address: "10.0.0.2" },
		...{ local_port: null, remote_port: null, listen_port: 443, process: "curl" },
		...{ netns: 4026531840, cgroup_id: "1", container_id: null, last_pid: 77, uid: 0 },
		...{ connections_opened: 1, connections_failed: 0, connections_closed: 1 },
		...{ connections_open: 0, bytes_sent: 10, bytes_received: 20 },
		...{ segments_retransmitted: 0, rtt_us: null, nat: null, remote_name: null },
		...fields,
	};
}

/** For tests of filters, which say what matters to them. */
export const FILTER_SUBJECT: FilterSubject = { ...flow(), pid: null };

export function batch(flows: readonly FlowRecord[], gaps: readonly GapRecord[] = []): FlowBatch {
	return { time: TIME, interval_ms: 1000, flows, gaps };
}

export function gap(count: number): GapRecord {
	return { type: "gap", from: TIME, to: TIME, stage: "flow_table", count, hint: null };
}

/** Plays `count` batches of `script`; at its end, or when the signal aborts, `rest`. */
export class ScriptedTracer implements FlowSource {
	readonly ready: ReadyRecord = {
		...{ type: "ready", time: TIME, version: "0", kernel: "6.1.0", libbpf: "1.1 (system)" },
		...{ hooks: {}, programs: [], open_connections: 0 },
	};
	readonly script: readonly FlowBatch[];
	readonly rest: FlowBatch;
	lost: Partial<Record<LossStage, number>> = {};
	closed = 0;
	/** Called before each batch of the script. */
	beforeBatch: (index: number) => void = () => {};

	constructor(script: readonly FlowBatch[] = [], rest: FlowBatch = batch([])) {
		this.script = script;
		this.rest = rest;
	}

	async *batches(signal: AbortSignal, count = Number.POSITIVE_INFINITY): AsyncGenerator<FlowBatch> {
		for (const [index, one] of this.script.entries()) {
			this.beforeBatch(index);
			if (signal.aborted) break;
			yield one;
			if (index + 1 === count) return;
		}
		yield this.rest;
	}

	summary(): SummaryRecord {
		const none = {
			connection_table: 0,
			flow_table: 0,
			listener_table: 0,
			netns_table: 0,
			ring_buffer: 0,
			queue: 0,
			udp_table: 0,
			connection_end: 0,
			conntrack_table: 0,
			dns_table: 0,
			dns_message: 0,
			dns_unasked: 0,
			namespace: 0,
		};
		return {
			...{ type: "summary", time: TIME, duration_ms: 1000 },
			...{ seen: NO_COUNTS, kernel: NO_COUNTS, unverified: NO_COUNTS },
			lost: { ...none, program: 0, ...this.lost },
			self: { cpu_ms: 1, peak_memory_bytes: 1, bpf_runs: null, bpf_ns: null },
		};
	}

	programStats(): readonly ProbeProgram[] {
		return [];
	}

	[Symbol.dispose](): void {
		this.closed++;
	}
}

class CapturedOutput implements Output {
	text = "";
	readonly isTerminal: boolean;

	constructor(isTerminal = false) {
		this.isTerminal = isTerminal;
	}

	write(text: string): void {
		this.text += text;
	}

	columns(): number {
		return 80;
	}

	rows(): number {
		return 24;
	}
}

export interface Run {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
	/** What the tracer was opened with; none where it was not. */
	readonly opened: readonly FlowTracerOptions[];
}

export interface World
	extends Partial<Pick<Context, "env" | "signal" | "openFlowTracer" | "keyboard">> {
	/** Standard output is one, of 80 by 24. */
	readonly isTerminal?: boolean;
}

export async function run(argv: readonly string[], world: World = {}): Promise<Run> {
	const stdout = new CapturedOutput(world.isTerminal);
	const stderr = new CapturedOutput();
	const opened: FlowTracerOptions[] = [];
	const { env = {}, signal = new AbortController().signal } = world;
	const open = world.openFlowTracer ?? (() => new ScriptedTracer());
	const code = await runCli(argv, {
		...{ stdout, stderr, env, signal, version: "1.2.3" },
		...(world.keyboard === undefined ? {} : { keyboard: world.keyboard }),
		openFlowTracer(options) {
			opened.push(options);
			return open(options);
		},
		openEventTracer() {
			throw new Error("only conntracer events traces events");
		},
	});
	return { code, stdout: stdout.text, stderr: stderr.text, opened };
}

/** The objects of JSON lines. */
export function jsonLines(text: string): Record<string, unknown>[] {
	return text
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => JSON.parse(line));
}
