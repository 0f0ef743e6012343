/** Records by hand, and an output that keeps what it is given. */

import type { FlowBatch, FlowRecord, GapRecord, SummaryRecord } from "../../src/flow/records.ts";
import type { SinkOptions } from "../../src/sink/create.ts";
import type { Output } from "../../src/sink/sink.ts";

export class MemoryOutput implements Output {
	readonly writes: string[] = [];
	readonly isTerminal: boolean;
	size: { columns: number; rows: number };

	constructor(isTerminal: boolean, columns = 80, rows = 24) {
		this.isTerminal = isTerminal;
		this.size = { columns, rows };
	}

	get text(): string {
		return this.writes.join("");
	}

	write(text: string): void {
		this.writes.push(text);
	}

	columns(): number {
		return this.size.columns;
	}

	rows(): number {
		return this.size.rows;
	}
}

const CURL: FlowRecord = {
	type: "flow",
	time: "2026-01-02T03:04:05.123456789Z",
	interval_ms: 1000,
	transport: "tcp",
	family: "ipv4",
	direction: "active",
	local_address: "192.168.1.10",
	remote_address: "93.184.216.34",
	local_port: null,
	remote_port: 443,
	listen_port: 443,
	process: "curl",
	last_pid: 4242,
	uid: 1000,
	netns: 4026531840,
	cgroup_id: "18446744073709551615",
	container_id: null,
	connections_opened: 3,
	connections_failed: 1,
	connections_closed: 2,
	connections_open: 1,
	bytes_sent: 1234,
	bytes_received: 5_600_000,
	segments_retransmitted: 7,
	rtt_us: 12_345,
	nat: null,
	remote_name: null,
};

export function flow(changes: Partial<FlowRecord> = {}): FlowRecord {
	return { ...CURL, ...changes };
}

export function batch(flows: readonly FlowRecord[], gaps: readonly GapRecord[] = []): FlowBatch {
	return { time: CURL.time, interval_ms: 1000, flows, gaps };
}

export const GAP: GapRecord = {
	type: "gap",
	from: "2026-01-02T03:04:04.000000000Z",
	to: "2026-01-02T03:04:05.123456789Z",
	stage: "connection_table",
	count: 4000,
	hint: "raise --max-connections",
};

export const SUMMARY: SummaryRecord = {
	type: "summary",
	time: "2026-01-02T03:04:17.000000000Z",
	duration_ms: 12_000,
	seen: { active_opens: 20_000, passive_opens: 20_000, attempt_fails: 0, estab_resets: 0 },
	kernel: { active_opens: 20_000, passive_opens: 20_000, attempt_fails: 0, estab_resets: 0 },
	unverified: { active_opens: 0, passive_opens: 0, attempt_fails: 0, estab_resets: 0 },
	lost: {
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
		program: 0,
	},
	self: { cpu_ms: 50, peak_memory_bytes: 61_000_000, bpf_runs: null, bpf_ns: null },
};

export function sinkOptions(changes: Partial<SinkOptions> = {}): SinkOptions {
	return {
		format: "table",
		columns: null,
		sort: null,
		header: true,
		wide: false,
		color: false,
		summary: false,
		aggregate: "process",
		...changes,
	};
}
