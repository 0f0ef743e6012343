/** Events by hand. */

import type { EventSlice } from "../../src/flow/event-slice.ts";
import type { EventRecord, GapRecord } from "../../src/flow/records.ts";
import type { createEventSink } from "../../src/sink/event-sink.ts";

const CLOSE: EventRecord = {
	type: "event",
	time: "2026-01-02T03:04:05.123456789Z",
	cpu: 3,
	event: "close",
	error: null,
	close_reason: "remote",
	id: "42",
	transport: "tcp",
	family: "ipv4",
	direction: "active",
	state: "CLOSE",
	local_address: "192.168.1.10",
	local_port: 40_000,
	remote_address: "93.184.216.34",
	remote_port: 443,
	pid: 4242,
	tid: 4243,
	process: "curl",
	executable: null,
	command_line: null,
	uid: 1000,
	netns: 4_026_531_840,
	cgroup_id: "18446744073709551615",
	container_id: null,
	attribution: "task",
	opened: "2026-01-02T03:04:03.889000000Z",
	preexisting: false,
	duration_ms: 1234.456789,
	bytes_sent: 777,
	bytes_received: 5_600_000,
	segments_sent: 12,
	segments_received: 13,
	segments_retransmitted: 1,
	rtt_us: 12_345,
	rtt_var_us: 600,
	rtt_min_us: 11_000,
	connect_latency_us: 10_500.5,
	nat: null,
	remote_name: null,
};

export function event(changes: Partial<EventRecord> = {}): EventRecord {
	return { ...CLOSE, ...changes };
}

export const REFUSED: EventRecord = event({
	event: "connect_failed",
	error: "ECONNREFUSED",
	close_reason: null,
	remote_address: "2001:db8::1",
	family: "ipv6",
	local_address: "2001:db8::2",
	...{ duration_ms: null, bytes_sent: 0, bytes_received: 0, rtt_us: null },
	...{ rtt_var_us: null, rtt_min_us: null, connect_latency_us: null },
});

export function eventBatch(
	events: readonly EventRecord[],
	gaps: readonly GapRecord[] = [],
): EventSlice {
	return { events, gaps, raw: null };
}

type EventOptions = Parameters<typeof createEventSink>[0];

export function eventSinkOptions(changes: Partial<EventOptions> = {}): EventOptions {
	return {
		format: "table",
		columns: null,
		header: true,
		wide: false,
		color: false,
		summary: false,
		...changes,
	};
}
