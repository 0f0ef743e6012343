import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import type { DoctorRecord } from "../../src/flow/doctor.ts";
import { compileFilter } from "../../src/flow/filter.ts";
import type { ProbeProgram, ProbeStats } from "../../src/flow/probe-stats.ts";
import { EventTracer } from "../../src/trace/event-tracer.ts";
import { FlowTracer } from "../../src/trace/flow-tracer.ts";
import type { HookFamily } from "../../src/trace/session-options.ts";
import { Conntracer, runShell } from "../support/conntracer.ts";
import { familiesHere, HOOKS } from "../support/hooks.ts";
import { NamespacePair } from "../support/namespaces.ts";
import { isOlderThan, kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic, Traffic } from "../support/traffic.ts";

const { client: CLIENT, names: NAMES } = ownPrograms("prb");
const COUNT = 2000;
/** Sockets of all others on the machine meanwhile. */
const OTHERS = 500;
const hooks = HOOKS as HookFamily;

/** Linux counts the entries of its tables, and what kprobes miss. */
const COUNTS_ENTRIES = !isOlderThan("6.6");
const COUNTS_KPROBE_MISSES = !isOlderThan("6.7");
/** What stands behind the runs of a program that missed none. */
const MISSES = isOlderThan("5.12") ? "misses not known" : "0 missed";

function program({ programs }: ProbeStats, name: string): ProbeProgram {
	const found = programs.find((each) => each.name === name);
	if (found === undefined) throw new Error(`no program ${name} among ${JSON.stringify(programs)}`);
	return found;
}

function entries({ maps }: ProbeStats, name: string): number | null | undefined {
	return maps.find((map) => map.name === name)?.entries;
}

kernelTest("both sockets of each connection run the program of their end once", async () => {
	using tracer = EventTracer.open({ hooks, bpfStats: true });
	const before = program(tracer.probeStats(), "tp__tcp_destroy_sock");
	await runTraffic(["churn", "--count", `${COUNT}`, ...NAMES]);
	const after = program(tracer.probeStats(), "tp__tcp_destroy_sock");
	const runs = (after.runs ?? Number.NaN) - (before.runs ?? Number.NaN);
	expect(runs).toBeGreaterThanOrEqual(2 * COUNT);
	expect(runs).toBeLessThan(2 * COUNT + OTHERS);
	const nsEach = ((after.run_time_ns ?? 0) - (before.run_time_ns ?? 0)) / runs;
	expect(nsEach).toBeGreaterThan(10);
	expect(after).toMatchObject({ hook: "tp_btf/tcp_destroy_sock", attached: true });
	expect(after.kprobe_misses).toBeNull();
	expect(after.recursion_misses).toBe(isOlderThan("5.12") ? null : 0);
});

kernelTest("the table of connections has as many entries as sockets are open", async () => {
	using pair = new NamespacePair();
	const filter = compileFilter({ netns: [statSync(`/run/netns/${pair.left.name}`).ino] });
	using events = EventTracer.open({ hooks, filter, showsOpen: true });
	using flows = FlowTracer.open({ hooks, filter, transport: "tcp" });
	for (const tracer of [events, flows])
		expect(entries(tracer.probeStats(), "conns")).toBe(COUNTS_ENTRIES ? 0 : null);
	const count = 300;
	const hold = ["hold", "--count", `${count}`, ...NAMES];
	await using traffic = new Traffic(hold, pair.left.prefix);
	await traffic.held();
	for (const tracer of [events, flows]) {
		const stats = tracer.probeStats();
		expect(entries(stats, "conns")).toBe(COUNTS_ENTRIES ? 2 * count : null);
		expect(stats.maps.find(({ name }) => name === "conns")).toMatchObject({
			...{ type: "hash", max_entries: 65_536 },
		});
		expect(Object.values(stats.lost).every((lost) => lost === 0)).toBe(true);
	}
	expect(flows.probeStats().ring_buffer).toBeNull();
	await traffic.finish();
});

kernelTest("what waits in the ring buffer is told until it is read", async () => {
	using tracer = EventTracer.open({ hooks, events: ["close"], bufferBytes: 1 << 20 });
	await runTraffic(["churn", "--count", "100", ...NAMES]);
	const { ring_buffer } = tracer.probeStats();
	expect(ring_buffer?.size_bytes).toBe(1 << 20);
	const closes = tracer.dumpEvents().events.filter(({ process }) => process === CLIENT);
	expect(closes).toHaveLength(100);
	// A header of 8 bytes, and more than two addresses.
	expect(ring_buffer?.waiting_bytes).toBeGreaterThan(2 * 100 * (8 + 32));
	tracer.dumpEvents();
	expect(tracer.probeStats().ring_buffer?.waiting_bytes).toBeLessThan(
		ring_buffer?.waiting_bytes ?? 0,
	);
});

kernelTest("runs are null where nobody has them counted", async () => {
	using tracer = EventTracer.open({ hooks });
	for (const { runs, run_time_ns } of tracer.probeStats().programs)
		expect({ runs, run_time_ns }).toEqual({ runs: null, run_time_ns: null });
	using _counted = EventTracer.open({ hooks, bpfStats: true });
	await runTraffic(["churn", "--count", "10", ...NAMES]);
	expect(program(tracer.probeStats(), "tp__tcp_destroy_sock").runs).toBeGreaterThanOrEqual(20);
});

const HAS_KPROBES = process.getuid?.() === 0 && familiesHere().includes("kprobe");

test.skipIf(!HAS_KPROBES)("programs at kprobes tell their hits, and what they missed", async () => {
	using tracer = FlowTracer.open({ hooks: "kprobe", transport: "tcp", bpfStats: true });
	await runTraffic(["churn", "--count", `${COUNT}`, ...NAMES]);
	const probe = program(tracer.probeStats(), "kprobe__security_sock_graft");
	expect(probe).toMatchObject({ hook: "kprobe/security_sock_graft", attached: true });
	expect(probe.runs).toBeGreaterThanOrEqual(COUNT);
	expect(probe.runs).toBeLessThan(COUNT + OTHERS);
	expect(probe.kprobe_misses).toBe(COUNTS_KPROBE_MISSES ? 0 : null);
	// The links are gone then, but what they told is not.
	tracer.summary();
	expect(program(tracer.probeStats(), "kprobe__security_sock_graft")).toEqual(probe);
});

kernelTest("doctor --stats tells of a watch and of events, and leaves nothing", async () => {
	const { exitCode, stdout } = runShell('"$CONNTRACER" doctor --stats -d 200ms --json');
	expect(exitCode).toBe(0);
	const { stats }: DoctorRecord = JSON.parse(stdout);
	expect(stats?.duration_ms).toBeGreaterThanOrEqual(150);
	for (const seen of [stats?.watch, stats?.events]) {
		expect(seen && program(seen, "tp__inet_sock_set_state")).toMatchObject({ attached: true });
		expect(seen && entries(seen, "conns")).toEqual(COUNTS_ENTRIES ? expect.any(Number) : null);
	}
	expect(stats?.watch.ring_buffer).toBeNull();
	expect(stats?.events.ring_buffer?.waiting_bytes).toBeGreaterThanOrEqual(0);
	const table = runShell('"$CONNTRACER" doctor --stats -d 200ms');
	expect(table.stdout).toMatch(
		new RegExp(`RUNS OF PROGRAMS: WATCH\\n {2}tp__inet_sock_set_state +\\d+ .*${MISSES}, tp_btf`),
	);
	expect(table.stdout).toMatch(
		/ENTRIES OF TABLES: EVENTS\n(?: {2}\w.*\n)* {2}ring_buffer +\d+ +of 16777216/,
	);
});

for (const command of ["watch", "events"])
	kernelTest(
		`${command} --verbose ends with a line for each program that was attached`,
		async () => {
			await using conntracer = await Conntracer.run(command, "--transport", "tcp", "-v");
			await runTraffic(["churn", "--count", "100", ...NAMES]);
			const { stderr } = await conntracer.stop();
			const [line = ""] = /^conntracer: tp__tcp_destroy_sock:.*$/m.exec(stderr) ?? [];
			expect(line).toMatch(/: \d+ runs, \d+ ns each, /);
			expect(line).toEndWith(`, ${MISSES}, tp_btf/tcp_destroy_sock`);
			expect(Number(/: (\d+) runs/.exec(line)?.[1])).toBeGreaterThanOrEqual(200);
		},
	);
