import { expect, test } from "bun:test";
import { flowsOfChanges } from "../../src/flow/flows-of-changes.ts";
import { CHANGE, type Changed, changed } from "./changed-connection.ts";

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
			...{ segments_retransmitted: 2, rtt_us: 200, nat: null, remote_name: null },
		},
	]);
});

test("a flow has the name of the last of its connections that has one", () => {
	const names = ["one.test", "two.test", null];
	const all = names.map((remote_name, at) => changed({ remote_name, local_port: 40_000 + at }));
	const found = flows([...all, changed({ process: "wget" })]);
	expect(found.map(({ remote_name }) => remote_name)).toEqual(["two.test", null]);
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
