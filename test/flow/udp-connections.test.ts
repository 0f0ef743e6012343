import { expect, test } from "bun:test";
import type { FlowRecord } from "../../src/flow/records.ts";
import { UdpConnections } from "../../src/flow/udp-connections.ts";

const details = { executable: "/usr/bin/dig", commandLine: "dig example.com" };
const udpConnections = (): UdpConnections => new UdpConnections(() => details);

function flow(fields: Partial<FlowRecord>): FlowRecord {
	return {
		...{ type: "flow", time: "t", interval_ms: 1000, transport: "udp", family: "ipv4" },
		...{ direction: "active", local_address: "10.0.0.1", local_port: 40_000 },
		...{ remote_address: "10.0.0.2", remote_port: 53, listen_port: 53, process: "dig" },
		...{ last_pid: 7, uid: 1000, netns: 1, cgroup_id: "1", container_id: null },
		...{ connections_opened: 0, connections_failed: 0, connections_closed: 0 },
		...{ connections_open: 1, bytes_sent: 0, bytes_received: 0, segments_retransmitted: 0 },
		...{ rtt_us: null, nat: null, ...fields },
	};
}

test("what moves in each interval becomes totals, under one id", () => {
	const udp = udpConnections();
	const first = udp.take([flow({ connections_opened: 1, bytes_sent: 10 })]);
	const second = udp.take([flow({ bytes_sent: 5, bytes_received: 7 })]);
	expect(first.open).toMatchObject([{ bytes_sent: 10, bytes_received: 0, pid: 7, tid: null }]);
	expect(second).toMatchObject({
		open: [{ id: first.open[0]?.id, bytes_sent: 15, bytes_received: 7, state: "ESTABLISHED" }],
		ended: [],
	});
	expect(second.open[0]).toMatchObject({
		...{ executable: details.executable, command_line: details.commandLine },
		...{ segments_sent: null, segments_retransmitted: null, rtt_us: null, attribution: "task" },
	});
});

test("what is over has its last totals, once, and comes again under another id", () => {
	const udp = udpConnections();
	const [begun] = udp.take([flow({ bytes_sent: 10 })]).open;
	const over = udp.take([flow({ connections_closed: 1, connections_open: 0, bytes_sent: 1 })]);
	expect(over).toMatchObject({
		open: [],
		ended: [{ id: begun?.id, bytes_sent: 11, state: "CLOSE" }],
	});
	const again = udp.take([flow({ connections_opened: 1, bytes_sent: 2 })]);
	expect(again).toMatchObject({ open: [{ bytes_sent: 2 }], ended: [] });
	expect(again.open[0]?.id).not.toBe(begun?.id);
});

test("what began and ended between two looks is over", () => {
	const shortlived = { connections_opened: 1, connections_closed: 1, connections_open: 0 };
	expect(udpConnections().take([flow({ ...shortlived, bytes_sent: 3 })])).toMatchObject({
		...{ open: [], ended: [{ bytes_sent: 3 }] },
	});
});

test("a flow that is not there any more is over as it was", () => {
	const udp = udpConnections();
	udp.take([flow({ bytes_sent: 10 })]);
	expect(udp.take([])).toMatchObject({ open: [], ended: [{ bytes_sent: 10 }] });
	expect(udp.take([])).toEqual({ open: [], ended: [] });
});

test("programs, users, peers and namespaces are told apart", () => {
	const others = [{ last_pid: 8 }, { uid: 0 }, { netns: 2 }, { remote_port: 54 }, { process: "x" }];
	const { open } = udpConnections().take([flow({}), ...others.map(flow)]);
	expect(new Set(open.map(({ id }) => id)).size).toBe(1 + others.length);
});
