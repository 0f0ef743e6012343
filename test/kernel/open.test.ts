import { describe, expect } from "bun:test";
import { BpfStatistics, bpfIdsOf, runsOf } from "../support/bpf.ts";
import { addUp, Conntracer, flowsOf } from "../support/conntracer.ts";
import { expectNothingLost, expectSide, processIs, sideOf } from "../support/expectations.ts";
import { kernelTest } from "../support/root.ts";
import { type Outcome, ownPrograms, Traffic, totals } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("open");
const STEPS = 8;
const BURST = ["--request", "12500000", "--response", "1000"];

/** Waits until the rows say what the programs have done so far. */
function caughtUp(conntracer: Conntracer, truth: Outcome): Promise<void> {
	const sides = [
		{ matches: processIs(CLIENT), truth: totals(truth.clients) },
		{ matches: processIs(SERVER), truth: totals(truth.servers) },
	];
	return conntracer.until(`rows that add up to ${JSON.stringify(sides)}`, (records) =>
		sides.every((side) => {
			const sum = addUp(flowsOf(records, side.matches));
			return (
				sum.bytes_sent === side.truth.bytes_sent && sum.bytes_received === side.truth.bytes_received
			);
		}),
	);
}

describe("one connection that stays open and moves 100 MB in bursts", () => {
	const cases: [name: string, args: string[]][] = [
		["send and recv", []],
		["sendfile", ["--sendfile"]],
		["splice", ["--splice"]],
		["each byte is peeked at first", ["--peek"]],
		["IPv6", ["--listen", "::1", "--connect", "::1"]],
	];
	for (const [name, args] of cases)
		kernelTest(`${name}: each interval has its bytes`, async () => {
			await using conntracer = await Conntracer.startTcp();
			await using traffic = new Traffic(["hold", ...BURST, ...NAMES, ...args]);
			await traffic.held();
			for (let step = 0; step < STEPS; step++) await caughtUp(conntracer, await traffic.step());
			const open = flowsOf(conntracer.records, processIs(CLIENT));
			expect(open.at(-1)?.connections_open).toBe(1);
			expect(open.filter((flow) => (flow.bytes_sent ?? 0) > 0).length).toBeGreaterThanOrEqual(
				STEPS,
			);
			const truth = await traffic.finish();
			expect(totals(truth.clients).bytes_sent).toBe(100_000_000);
			await conntracer.untilClosed(2, processIs(CLIENT, SERVER));
			const run = await conntracer.stop();
			expectSide(sideOf(run, CLIENT, "active"), truth.clients);
			expectSide(sideOf(run, SERVER, "passive"), truth.servers);
			expectNothingLost(run);
		});
});

kernelTest("no BPF program runs for the data of an open connection", async () => {
	using _ = new BpfStatistics();
	await using conntracer = await Conntracer.start("--transport", "tcp");
	await using traffic = new Traffic(["hold", ...BURST, ...NAMES]);
	await traffic.held();
	const ids = bpfIdsOf(conntracer.pid);
	const runs = () => runsOf(ids, "tp__", "fentry__", "kprobe__");
	const before = runs();
	expect(before).toBeGreaterThan(0);
	for (let step = 0; step < STEPS; step++) await caughtUp(conntracer, await traffic.step());
	// 100 MB are 1,500 segments and more; other programs may connect meanwhile.
	expect(runs() - before).toBeLessThan(100);
});
