import { expect, test } from "bun:test";
import type { ChangedConnection } from "../../src/flow/client-answers.ts";
import { flowsOfChanges } from "../../src/flow/flows-of-changes.ts";
import type { ClientConnection } from "../../src/trace/client-records.ts";

type Changed = ChangedConnection<ClientConnection>;
const CHANGE = {
	...{ connections_opened: 1, connections_failed: 0, connections_closed: 0 },
	...{ bytes_sent: 10, bytes_received: 20, segments_sent: 1, segments_received: 1 },
	segments_retransmitted: 1,
};

function changed(fields: Partial<Changed> = {}): Changed {
	return {
		...{ id: "1", transport: "tcp", family: "ipv4", direction: "active", state: "ESTABLISHED" },
		...{ local_address: "10.0.0.1", local_port: 40_000, remote_address: "10.0.0.2" },
		...{ remote_port: 443, pid: 7, tid: 7, process: "curl", executable: null },
		...{ command_line: null, uid: 5, netns: 1, cgroup_id: "1", container_id: null },
		...{ attribution: "task", opened: null, preexisting: true, duration_ms: null },
		...{ bytes_sent: 100, bytes_received: 200, segments_sent: 1, segments_received: 1 },
		...{ segments_retransmitted: 1, rtt_us: 100, rtt_var_us: null, rtt_min_us: null },
		...{ connect_latency_us: null, nat: null, remote_name: null, error: null },
		...{ close_reason: null, is_open: true, connections: 1, since_last: CHANGE },
		...fields,
	};
}

const flows = (
	all: readonly Changed[],
	aggregate: "process" | "service" | "connection" = "process",
) => flowsOfChanges(all, aggregate, "now", 1500);

test("connections of one program to one service are one flow, of what came since", () => {
	const since_last = { ...CHANGE, connections_closed: 1, bytes_sent: 1 };
	expect(
		flows([
			changed(),
			changed({ local_port: 40_001, pid: 8, rtt_us: 300, is_open: false, since_last }),
		]),
	).toEqual([
		{
			...{ type: "flow", time: "now", interval_ms: 1500, transport: "tcp", family: "ipv4" },
			...{ direction: "active", local_address: "10.0.0.1", local_port: null },
			...{ remote_address: "10.0.0.2", remote_port: 443, listen_port: 443, process: "curl" },
			...{ last_pid: 8, uid: 5, netns: 1, cgroup_id: "1", container_id: null },
			...{ connections_opened: 2, connections_failed: 0, connections_closed: 1 },
			...{ connections_open: 1, bytes_sent: 11, bytes_received: 40 },
			...{ segments_retransmitted: 2, rtt_us: 200, nat: null },
		},
	]);
});

test("what is one flow is as watch has it", () => {
	const all = [changed(), changed({ local_port: 40_001 }), changed({ process: "wget" })];
	expect(flows(all).length).toBe(2);
	expect(flows(all, "connection").length).toBe(3);
	expect(flows(all, "service")).toMatchObject([{ process: null, connections_open: 3 }]);
});

test("of what moved nothing no round trip time is told, and of UDP no segments", () => {
	const none = { segments_sent: null, segments_received: null, segments_retransmitted: null };
	const since_last = { ...CHANGE, ...none, bytes_sent: 0, bytes_received: 0 };
	expect(flows([changed({ since_last })])).toMatchObject([
		{ rtt_us: null, segments_retransmitted: 0, connections_open: 1 },
	]);
});

test("of translations that differ what they have in common is told", () => {
	const nat = {
		...{ source_address: "10.0.0.1", source_port: 40_000 },
		...{ destination_address: "192.0.2.1", destination_port: 80 },
	};
	const of = (...all: Changed["nat"][]) =>
		flows(all.map((one) => changed({ nat: one }))).map((flow) => flow.nat);
	expect(of(nat, nat)).toEqual([nat]);
	expect(of(nat, { ...nat, source_port: 40_001 })).toEqual([{ ...nat, source_port: null }]);
	expect(of(nat, null)).toEqual([null]);
});
