import { expect, test } from "bun:test";
import type { SummaryRecord } from "../../src/flow/records.ts";
import { gapText, readyText, summaryText } from "../../src/sink/summary-text.ts";
import { GAP, SUMMARY } from "./fixtures.ts";

const NO_COUNTS = { active_opens: 0, passive_opens: 0, attempt_fails: 0, estab_resets: 0 };

test.each<[string, Partial<SummaryRecord>, string[]]>([
	[
		"all seen",
		{},
		[
			"conntracer: 20000 of 20000 active opens, 20000 of 20000 passive opens seen (kernel's own counters); nothing lost; 12.0 s, 0.05 s CPU, 61 MB",
		],
	],
	[
		"failures and resets, where there are any",
		{
			seen: { active_opens: 1, passive_opens: 0, attempt_fails: 2, estab_resets: 0 },
			kernel: { active_opens: 1, passive_opens: 0, attempt_fails: 2, estab_resets: 3 },
		},
		[
			"conntracer: 1 of 1 active opens, 0 of 0 passive opens, 2 of 2 failed attempts, 0 of 3 resets seen (kernel's own counters); nothing lost; 12.0 s, 0.05 s CPU, 61 MB",
		],
	],
	[
		"namespaces that are gone",
		{ unverified: { ...NO_COUNTS, active_opens: 5, passive_opens: 6 } },
		[
			"conntracer: 20000 of 20000 active opens, 20000 of 20000 passive opens seen (kernel's own counters); 5 active, 6 passive more in network namespaces that are gone, so not compared; nothing lost; 12.0 s, 0.05 s CPU, 61 MB",
		],
	],
	[
		"what was lost, and where",
		{
			seen: { ...NO_COUNTS, active_opens: 1000 },
			kernel: { ...NO_COUNTS, active_opens: 5000 },
			lost: {
				connection_table: 4000,
				flow_table: 1,
				listener_table: 0,
				netns_table: 0,
				ring_buffer: 0,
				queue: 0,
				udp_table: 0,
				connection_end: 3,
				conntrack_table: 0,
				dns_table: 0,
				dns_message: 0,
				dns_unasked: 0,
				namespace: 0,
				program: 2,
			},
		},
		[
			"conntracer: 1000 of 5000 active opens, 0 of 0 passive opens seen (kernel's own counters); LOSSES below; 12.0 s, 0.05 s CPU, 61 MB",
			"conntracer: LOST 4000 connections were not followed: the connection table was full (raise --max-connections)",
			"conntracer: LOST 1 connection has no flow: the flow table was full (raise --max-flows or choose --aggregate service)",
			"conntracer: LOST 3 connections ended unseen: the kernel skipped our programs",
			"conntracer: LOST 2 runs of a BPF program were skipped: the kernel refused to nest it",
		],
	],
	[
		"what the BPF programs cost, where the kernel counts it",
		{ self: { cpu_ms: 1234, peak_memory_bytes: 1e8, bpf_runs: 80_000, bpf_ns: 12_345_678 } },
		[
			"conntracer: 20000 of 20000 active opens, 20000 of 20000 passive opens seen (kernel's own counters); nothing lost; 12.0 s, 1.23 s CPU, 100 MB, 80000 BPF runs in 12.3 ms",
		],
	],
])("the summary tells %s", (_, changes, lines) => {
	expect(summaryText({ ...SUMMARY, ...changes }).split("\n")).toEqual([...lines, ""]);
});

test("ready tells what runs, and how", () => {
	const text = readyText({
		type: "ready",
		time: "2026-01-02T03:04:04.000000000Z",
		version: "0.1.0",
		kernel: "6.1.0\x1b[31m",
		libbpf: "1.1 (system)",
		hooks: { lifecycle: "tracepoint", resets: "tracepoint" },
		programs: [],
		open_connections: 1,
	});
	expect(text).toBe(
		"conntracer: ready: version 0.1.0, Linux 6.1.0\\x1b[31m, libbpf 1.1 (system), tracepoint; 1 connection was open already\n",
	);
});

test("a gap tells its own hint rather than ours", () => {
	expect(gapText({ ...GAP, count: 1, hint: "sit down" })).toBe(
		"conntracer: 03:04:04Z to 03:04:05Z: LOST 1 connection was not followed: the connection table was full (sit down)\n",
	);
});
