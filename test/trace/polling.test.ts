import { describe, expect } from "bun:test";
import type { FlowBatch } from "../../src/flow/records.ts";
import { FlowTracer } from "../../src/trace/flow-tracer.ts";
import { addUp } from "../support/conntracer.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic } from "../support/traffic.ts";

const { client: CLIENT, names: NAMES } = ownPrograms("poll");
const SMALL = { intervalMs: 20, maxConnections: 1024, maxFlows: 1024 } as const;
const HOUR_MS = 3_600_000;

const churn = (count: number) => runTraffic(["churn", "--count", `${count}`, ...NAMES]);
/** The connections that our client has opened. */
const opened = (...batches: readonly FlowBatch[]): number => {
	const flows = batches.flatMap((batch) => batch.flows);
	return addUp(flows.filter(({ process }) => process === CLIENT)).connections_opened;
};

describe("dumpFlows", () => {
	kernelTest("has what happened since the last dump, once", async () => {
		using tracer = FlowTracer.open(SMALL);
		await churn(30);
		const first = tracer.dumpFlows();
		expect(opened(first)).toBe(30);
		expect(first.gaps).toEqual([]);
		expect(opened(tracer.dumpFlows())).toBe(0);
		await churn(7);
		await churn(5);
		const last = tracer.dumpFlows();
		expect(opened(last)).toBe(12);
		expect(last.interval_ms).toBeGreaterThanOrEqual(0);
		const { seen, kernel } = tracer.summary();
		expect(seen).toEqual(kernel);
	});

	kernelTest("is refused after close()", async () => {
		const tracer = FlowTracer.open(SMALL);
		tracer.close();
		expect(() => tracer.dumpFlows()).toThrow("the tracer is closed");
	});
});

describe("start", () => {
	kernelTest(
		"calls back once an interval, until stop(); the rest is for the next dump",
		async () => {
			using tracer = FlowTracer.open({ ...SMALL, intervalMs: HOUR_MS });
			const batches: FlowBatch[] = [];
			const enough = Promise.withResolvers<void>();
			const ended = tracer.start((batch) => {
				batches.push(batch);
				if (opened(...batches) === 40) enough.resolve();
			}, 20);
			await churn(40);
			await enough.promise;
			tracer.stop();
			tracer.stop();
			await ended;
			const before = batches.length;
			await churn(8);
			expect(batches.length).toBe(before);
			expect(opened(tracer.dumpFlows())).toBe(8);
		},
	);

	kernelTest("waits for a promise that the callback returns", async () => {
		using tracer = FlowTracer.open(SMALL);
		let running = 0;
		let most = 0;
		let calls = 0;
		await tracer.start(async () => {
			most = Math.max(most, ++running);
			await Bun.sleep(50); // longer than an interval
			running--;
			if (++calls === 3) tracer.stop();
		}, 10);
		expect({ most, calls, running }).toEqual({ most: 1, calls: 3, running: 0 });
	});

	for (const [how, callback] of [
		[
			"throws",
			() => {
				throw new Error("mine");
			},
		],
		["rejects", () => Promise.reject(new Error("mine"))],
	] as const)
		kernelTest(`ends with the error of a callback that ${how}, and can begin anew`, async () => {
			using tracer = FlowTracer.open(SMALL);
			await expect(tracer.start(callback)).rejects.toThrow("mine");
			const seen = Promise.withResolvers<FlowBatch>();
			const ended = tracer.start((batch) => seen.resolve(batch));
			expect((await seen.promise).gaps).toEqual([]);
			tracer.stop();
			await ended;
		});

	kernelTest("is refused while it runs, for no interval, and after close()", async () => {
		const tracer = FlowTracer.open(SMALL);
		for (const interval of [0, -1, 2 ** 31, Number.NaN])
			await expect(tracer.start(() => {}, interval)).rejects.toThrow(RangeError);
		const ended = tracer.start(() => {}, HOUR_MS);
		await expect(tracer.start(() => {})).rejects.toThrow("started already");
		tracer.close();
		await ended;
		await expect(tracer.start(() => {})).rejects.toThrow("the tracer is closed");
	});
});

describe("options out of range are refused", () => {
	for (const options of [
		{ intervalMs: 0 },
		{ intervalMs: 2 ** 31 },
		{ maxFlows: 0 },
		{ maxConnections: 2 ** 24 + 1 },
	])
		kernelTest(JSON.stringify(options), async () => {
			expect(() => FlowTracer.open(options)).toThrow(RangeError);
		});
});
