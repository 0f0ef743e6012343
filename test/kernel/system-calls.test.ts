/** What user space asks of the kernel: counts, which do not depend on the machine. */

import { expect } from "bun:test";
import { Conntracer, eventsOf, flowsOf } from "../support/conntracer.ts";
import { ROOM } from "../support/events.ts";
import { hostTest } from "../support/root.ts";
import { SystemCalls } from "../support/system-calls.ts";
import { ownPrograms, runTraffic, Traffic } from "../support/traffic.ts";

const { names: NAMES } = ownPrograms("sysc");
const INTERVALS = 20;
/** Two iterators, the skips of two programs, one piece of output, however many connections and flows. */
const MOST_OF_AN_INTERVAL = 15;
/** A write for each 64 kB; and, as it depends on how long it takes, two calls for each look into the buffer. */
const MOST_OF_THOUSAND = 30;

const sum = (counts: ReadonlyMap<string, number>): number =>
	[...counts.values()].reduce((a, b) => a + b, 0);

hostTest("an interval of watch with 500 open connections", async () => {
	await using conntracer = await Conntracer.start("-i", "100ms");
	await using traffic = new Traffic(["hold", "--count", "500", ...NAMES]);
	await traffic.held();
	const batches = (records: Parameters<typeof flowsOf>[0]) =>
		new Set(flowsOf(records).map(({ time }) => time)).size;
	const calls = await SystemCalls.attach(conntracer.pid);
	const before = batches(conntracer.records);
	await conntracer.until("intervals", (records) => batches(records) >= before + INTERVALS);
	const intervals = batches(conntracer.records) - before;
	const counts = await calls.detach();
	expect(sum(counts) / intervals).toBeLessThan(MOST_OF_AN_INTERVAL);
	await traffic.finish();
	await conntracer.stop();
});

hostTest("1,000 records of events", async () => {
	await using conntracer = await Conntracer.run("events", ...ROOM);
	const calls = await SystemCalls.attach(conntracer.pid);
	await runTraffic(["churn", "--count", "5000", ...NAMES]);
	await conntracer.until("events", (records) => eventsOf(records).length >= 20_000);
	const counts = await calls.detach();
	expect(sum(counts) / (eventsOf(conntracer.records).length / 1000)).toBeLessThan(MOST_OF_THOUSAND);
	await conntracer.stop();
});
