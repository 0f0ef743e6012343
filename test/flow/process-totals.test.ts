import { describe, expect, test } from "bun:test";
import { flowsOfMoved, processTotals } from "../../src/flow/process-totals.ts";
import type { FlowRecord } from "../../src/flow/records.ts";
import { batch, flow } from "../sink/fixtures.ts";

const IDLE = {
	...{ connections_opened: 0, connections_failed: 0, connections_closed: 0 },
	...{ bytes_sent: 0, bytes_received: 0, segments_retransmitted: 0, rtt_us: null },
};

function totalsOf(flows: readonly FlowRecord[], intervalMs = 1000) {
	return processTotals({ ...batch(flows), interval_ms: intervalMs });
}

describe("a process", () => {
	test("is what its flows add up to, with rates of the interval as it was measured", () => {
		const active = flow({
			...{ connections_opened: 3, connections_failed: 1, connections_closed: 2 },
			...{ connections_open: 1, bytes_sent: 1000, bytes_received: 7 },
			...{ segments_retransmitted: 2, rtt_us: 100 },
		});
		const passive = flow({
			...{ direction: "passive", remote_address: "10.0.0.9", connections_opened: 1 },
			...{ connections_failed: 0, connections_closed: 0, connections_open: 1 },
			...{ bytes_sent: 500, bytes_received: 13, segments_retransmitted: 1, rtt_us: 900 },
		} as const);
		const totals = totalsOf([active, passive], 1500);
		expect(totals).toEqual([
			{
				type: "process",
				time: active.time,
				interval_ms: 1500,
				pid: 4242,
				process: "curl",
				uid: 1000,
				netns: 4026531840,
				cgroup_id: "18446744073709551615",
				container_id: null,
				connections_opened: 4,
				connections_failed: 1,
				connections_closed: 2,
				connections_open: 2,
				bytes_sent: 1500,
				bytes_received: 20,
				sent_bytes_per_second: 1000,
				received_bytes_per_second: 13.333,
				segments_retransmitted: 3,
				// Three connections of 100 µs, one of 900 µs.
				rtt_us: 300,
			},
		]);
		expect(Object.keys(totals[0] ?? {})).toEqual([
			...["type", "time", "interval_ms", "pid", "process", "uid", "netns", "cgroup_id"],
			...["container_id", "connections_opened", "connections_failed", "connections_closed"],
			...["connections_open", "bytes_sent", "bytes_received", "sent_bytes_per_second"],
			...["received_bytes_per_second", "segments_retransmitted", "rtt_us"],
		]);
	});

	test("is told from another of the same name", () => {
		const totals = totalsOf([
			flow({ last_pid: 1, bytes_sent: 1 }),
			flow({ last_pid: 2, bytes_sent: 20 }),
			flow({ last_pid: 1, bytes_sent: 300 }),
		]);
		expect(totals.map(({ pid, bytes_sent }) => [pid, bytes_sent])).toEqual([
			[1, 301],
			[2, 20],
		]);
	});

	test("that is not known is one row", () => {
		const unknown = { last_pid: null, process: null, uid: null };
		const totals = totalsOf([
			flow({ ...unknown, bytes_sent: 1 }),
			flow({ ...unknown, remote_address: "10.0.0.9", bytes_sent: 2 }),
		]);
		expect(totals).toMatchObject([{ pid: null, process: null, uid: null, bytes_sent: 3 }]);
	});

	test("that changed its name has the name under which most moved", () => {
		const before = flow({ process: "sh", bytes_sent: 10, bytes_received: 0, uid: 0 });
		const after = flow({ process: "curl", bytes_sent: 4, bytes_received: 7, uid: 33 });
		for (const flows of [
			[before, after],
			[after, before],
		])
			expect(totalsOf(flows)).toMatchObject([{ process: "curl", uid: 33 }]);
	});

	test("that changed its name, and is idle, has the name of more open connections", () => {
		const one = flow({ ...IDLE, process: "sh", connections_open: 1 });
		const two = flow({ ...IDLE, process: "curl", connections_open: 2 });
		for (const flows of [
			[one, two],
			[two, one],
		])
			expect(totalsOf(flows)).toMatchObject([{ process: "curl", connections_open: 3 }]);
	});

	test("with sockets in two network namespaces has none", () => {
		expect(totalsOf([flow({ netns: 1 }), flow({ netns: 2 }), flow({ netns: 1 })])).toMatchObject([
			{ netns: null },
		]);
	});

	test("without a measured round trip time has none", () => {
		expect(totalsOf([flow({ rtt_us: null })])).toMatchObject([{ rtt_us: null }]);
		expect(totalsOf([flow({ rtt_us: null }), flow({ rtt_us: 8 })])).toMatchObject([{ rtt_us: 8 }]);
	});

	test("in an interval of no length has no rate", () => {
		expect(totalsOf([flow({ bytes_sent: 5 })], 0)).toMatchObject([{ sent_bytes_per_second: 0 }]);
	});
});

test("no flows are no processes", () => {
	expect(totalsOf([])).toEqual([]);
});

test("the flows of a process that moved are all of its flows", () => {
	const moved = flow({ last_pid: 1 });
	const open = flow({ ...IDLE, last_pid: 1, connections_open: 5 });
	const idle = flow({ ...IDLE, last_pid: 2, connections_open: 5 });
	expect(flowsOfMoved([open, idle, moved])).toEqual([open, moved]);
});
