import { expect } from "bun:test";
import type { EventRecord } from "../../src/flow/records.ts";
import {
	Conntracer,
	eventsOf,
	gapsOf,
	type OutputRecord,
	type Run,
	summaryOf,
} from "../support/conntracer.ts";
import { expectNothingLostButRuns } from "../support/expectations.ts";
import { NamespacePair, tcpCounter } from "../support/namespaces.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic, Traffic } from "../support/traffic.ts";

const { names: NAMES } = ownPrograms("rtx");
const COUNT = 60;
const IS_OVER = 2 * COUNT;

const closes = (events: readonly EventRecord[]): EventRecord[] =>
	events.filter(({ event }) => event === "close");

const unseenEnds = (records: readonly OutputRecord[]): number =>
	gapsOf(records)
		.filter(({ stage }) => stage === "connection_end")
		.reduce((sum, { count }) => sum + count, 0);

/** Connections over a lossy cable, until both sides have closed them: then nothing is sent again. */
async function lossy(pair: NamespacePair): Promise<Run> {
	const { left, right } = pair;
	const numbers = pair.numbers().flatMap((number) => ["--netns", String(number)]);
	const common = ["--port", "7000", "--count", String(COUNT), "--threads", "8", ...NAMES];
	const size = ["--request", "60000", "--response", "30000"];
	await using server = new Traffic(
		["serve", "--listen", right.ipv4, ...common, ...size],
		right.prefix,
	);
	await server.ready();
	await using conntracer = await Conntracer.run(
		"events",
		"--events",
		"all",
		"--max-connections",
		"400000",
		...numbers,
	);
	pair.lose();
	await runTraffic(["client", "--connect", right.ipv4, ...common, ...size], left.prefix);
	await server.finish();
	await conntracer.until(
		"the end of all connections",
		(records) => closes(eventsOf(records)).length + unseenEnds(records) >= IS_OVER,
	);
	return await conntracer.stop();
}

/**
 * A machine that guards a process of its own from BPF runs no program where a timer, and so a
 * retransmission, interrupts that process; the kernel counts no skip of it. So as often as that
 * process runs, and one or two more where there are few. What the kernel has skipped is said.
 */
const GUARDED = 0.05;

function expectAlmost(told: number, counted: number, skipped: number): void {
	expect(told).toBeLessThanOrEqual(counted);
	expect(counted - told).toBeLessThanOrEqual(2 + counted * GUARDED + skipped);
}

const isRetransmit = ({ event }: EventRecord): boolean => event === "retransmit";

kernelTest("each segment that the kernel sends again is an event, SYN-ACKs too", async () => {
	using pair = new NamespacePair();
	pair.sendSingleSegments();
	const run = await lossy(pair);
	const events = eventsOf(run.records);
	const skipped = summaryOf(run.records).lost.program;
	for (const [index, side] of [pair.left, pair.right].entries()) {
		const netns = pair.numbers()[index];
		const told = events.filter((event) => isRetransmit(event) && event.netns === netns);
		const counted = tcpCounter(side, "RetransSegs");
		expect(counted).toBeGreaterThan(20);
		expectAlmost(told.length, counted, skipped);
	}
	expectNothingLostButRuns(run);
	for (const [id, ofOne] of Map.groupBy(events.filter(isRetransmit), ({ id }) => id)) {
		const close = closes(events).find((event) => event.id === id);
		const { pid, local_port, remote_port } = close ?? {};
		for (const event of ofOne) expect(event).toMatchObject({ id, pid, local_port, remote_port });
		if (close?.direction !== "active") continue;
		// Each says how many there were so far.
		const counts = ofOne.map(({ segments_retransmitted }) => segments_retransmitted);
		expect(counts).toEqual([...new Set(counts)].toSorted((a, b) => a - b));
		expectAlmost(counts.length, close.segments_retransmitted, skipped);
		expect(counts.at(-1)).toBeLessThanOrEqual(close.segments_retransmitted);
	}
});

kernelTest("packets of several segments count as what they are cut into", async () => {
	using pair = new NamespacePair();
	const { records } = await lossy(pair);
	const active = closes(eventsOf(records)).filter(({ direction }) => direction === "active");
	const sum = active.reduce((total, event) => total + event.segments_retransmitted, 0);
	const counted = tcpCounter(pair.left, "RetransSegs");
	expect(sum).toBeGreaterThan(0);
	// An end that the guard above kept from us, and a gap tells, has no `close` to count in.
	if (unseenEnds(records) === 0) expect(sum).toBe(counted);
	else expect(sum).toBeLessThanOrEqual(counted);
});
