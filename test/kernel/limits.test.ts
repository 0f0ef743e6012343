import { describe, expect } from "bun:test";
import {
	addUp,
	Conntracer,
	eventsOf,
	flowsOf,
	gapsOf,
	type OutputRecord,
	summaryOf,
} from "../support/conntracer.ts";
import { processIs } from "../support/expectations.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic, Traffic } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("lim");

async function holdAndLetGo(count: number): Promise<void> {
	await using traffic = new Traffic(["hold", "--count", `${count}`, ...NAMES]);
	await traffic.held();
	await traffic.finish();
}

/** Connections of all processes: others may connect meanwhile, and take room. */
function recordedOf(records: readonly OutputRecord[]): number {
	const sum = addUp(flowsOf(records));
	return sum.connections_opened + sum.connections_failed;
}

function lostOf(records: readonly OutputRecord[], stage: string): number {
	const gaps = gapsOf(records).filter((gap) => gap.stage === stage);
	return gaps.reduce((sum, gap) => sum + gap.count, 0);
}

describe("5000 connections, both ends, in a table for 1000", () => {
	for (const [args, exitCode] of [
		[[], 0],
		[["--strict"], 6],
	] as const)
		kernelTest(`what has no room is counted ${args.join(" ")}`, async () => {
			await using conntracer = await Conntracer.startTcp("--max-connections", "1000", ...args);
			await holdAndLetGo(5000);
			const { records, exitCode: code } = await conntracer.stop();
			const { seen, kernel, lost } = summaryOf(records);
			const happened = kernel.active_opens + kernel.passive_opens;
			expect(happened).toBeGreaterThanOrEqual(10_000);
			expect(recordedOf(records)).toBeGreaterThan(0);
			expect(recordedOf(records)).toBeLessThanOrEqual(happened - 9000);
			expect(recordedOf(records) + lost.connection_table).toBe(happened);
			expect(seen.active_opens + seen.passive_opens).toBe(recordedOf(records));
			expect(lostOf(records, "connection_table")).toBe(lost.connection_table);
			expect(code).toBe(exitCode);
		});
});

kernelTest("a table that was full takes connections again when there is room", async () => {
	await using conntracer = await Conntracer.startTcp("--max-connections", "1000");
	await holdAndLetGo(2000);
	await conntracer.until("a gap", (records) => gapsOf(records).length > 0);
	const before = addUp(flowsOf(conntracer.records, processIs(CLIENT, SERVER)));
	await holdAndLetGo(100);
	await conntracer.untilClosed(before.connections_opened + 200, processIs(CLIENT, SERVER));
	const { exitCode } = await conntracer.stop();
	expect(exitCode).toBe(0);
});

kernelTest("connections from before the start that find no room are counted", async () => {
	await using traffic = new Traffic(["hold", "--count", "1000", ...NAMES]);
	await traffic.held();
	await using conntracer = await Conntracer.startTcp("--max-connections", "500");
	expect(conntracer.ready.open_connections).toBeLessThanOrEqual(500);
	const { records } = await conntracer.stop();
	const all = conntracer.ready.open_connections + lostOf(records, "connection_table");
	expect(all).toBeGreaterThanOrEqual(2000);
	expect(all).toBeLessThan(2200); // other programs' connections
});

describe("40 flows in a table for 4", () => {
	kernelTest("what has no room is counted", async () => {
		await using conntracer = await Conntracer.startTcp(
			...["--max-flows", "4", "--aggregate", "connection"],
		);
		await holdAndLetGo(20);
		const { records, exitCode } = await conntracer.stop();
		const { seen, kernel, lost } = summaryOf(records);
		const happened = kernel.active_opens + kernel.passive_opens;
		expect(seen).toEqual(kernel);
		expect(happened).toBeGreaterThanOrEqual(40);
		expect(recordedOf(records)).toBeGreaterThan(0);
		expect(recordedOf(records) + lost.flow_table).toBe(happened);
		expect(lostOf(records, "flow_table")).toBe(lost.flow_table);
		expect(exitCode).toBe(0);
	});
});

kernelTest(
	"a flood of events that the buffer cannot hold: records and gaps are the truth",
	async () => {
		await using conntracer = await Conntracer.run("events", "--buffer", "4k", "--strict");
		const count = 10_000;
		await runTraffic(["churn", "--count", `${count}`, "--threads", "4", ...NAMES]);
		const { records, exitCode } = await conntracer.stop();
		const { seen, kernel, lost } = summaryOf(records);
		const missing = lostOf(records, "ring_buffer");
		const elsewhere = Object.entries(lost).filter(([stage]) => stage !== "ring_buffer");
		expect(elsewhere.filter(([, count]) => count !== 0)).toEqual([]);
		const opens = kernel.active_opens + kernel.passive_opens;
		expect(seen).toEqual(kernel);
		expect(opens).toBeGreaterThanOrEqual(2 * count);
		expect(missing).toBeGreaterThan(0);
		// Each side of a connection has two events: one of its beginning, one of its end.
		expect(eventsOf(records).length + missing).toBe(2 * opens);
		expect(exitCode).toBe(6);
	},
);
