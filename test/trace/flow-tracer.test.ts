import { describe, expect } from "bun:test";
import { UnsupportedError } from "../../src/errors.ts";
import { FlowTracer } from "../../src/trace/flow-tracer.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { kernelTest } from "../support/root.ts";

/** Half a minute on a machine that does nothing else. */
const THOUSAND_CYCLES_MS = 600_000;

const SMALL = { intervalMs: 20, maxConnections: 1024, maxFlows: 1024 } as const;

describe("a tracer in a script", () => {
	kernelTest(
		"leaks nothing when opened and closed a thousand times",
		async () => {
			const cycle = (): void => {
				using tracer = FlowTracer.open(SMALL);
				expect(tracer.ready.type).toBe("ready");
			};
			for (let warm = 0; warm < 50; warm++) cycle();
			Bun.gc(true);
			const descriptors = openDescriptors();
			const memory = process.memoryUsage.rss();
			for (let count = 0; count < 1000; count++) cycle();
			Bun.gc(true);
			expect(openDescriptors()).toBe(descriptors);
			// The collector breathes by some megabytes; what leaks four pages a cycle is above that.
			expect(process.memoryUsage.rss() - memory).toBeLessThan(1000 * 4 * 4096);
		},
		THOUSAND_CYCLES_MS,
	);

	kernelTest("ends with one last batch when the signal aborts", async () => {
		using tracer = FlowTracer.open(SMALL);
		const stop = new AbortController();
		let batches = 0;
		let afterAbort = 0;
		for await (const batch of tracer.batches(stop.signal)) {
			expect(batch.gaps).toEqual([]);
			if (stop.signal.aborted) afterAbort++;
			if (++batches === 2) stop.abort();
		}
		expect(afterAbort).toBe(1);
		expect(tracer.summary().lost).toEqual({
			connection_table: 0,
			flow_table: 0,
			listener_table: 0,
			netns_table: 0,
			ring_buffer: 0,
			queue: 0,
			udp_table: 0,
			connection_end: 0,
			conntrack_table: 0,
			dns_table: 0,
			dns_message: 0,
			dns_unasked: 0,
			namespace: 0,
			program: 0,
		});
	});

	kernelTest("ends after so many batches, with the hooks out", async () => {
		using tracer = FlowTracer.open(SMALL);
		let batches = 0;
		for await (const _ of tracer.batches(new AbortController().signal, 3)) batches++;
		expect(batches).toBe(3);
		const { seen, kernel } = tracer.summary();
		expect(seen).toEqual(kernel);
	});

	kernelTest("ends at once when the signal was aborted before", async () => {
		using tracer = FlowTracer.open(SMALL);
		let batches = 0;
		for await (const _ of tracer.batches(AbortSignal.abort())) batches++;
		expect(batches).toBe(1);
	});

	kernelTest("can be left with break, or by an error, and still sums up", async () => {
		using tracer = FlowTracer.open(SMALL);
		for await (const _ of tracer.batches(new AbortController().signal)) break;
		const failing = async (): Promise<void> => {
			for await (const _ of tracer.batches(new AbortController().signal)) throw new Error("mine");
		};
		await expect(failing()).rejects.toThrow("mine");
		const { seen, kernel } = tracer.summary();
		expect(seen).toEqual(kernel);
	});

	kernelTest("ends quietly when it is closed meanwhile, and refuses to sum up then", async () => {
		const tracer = FlowTracer.open(SMALL);
		let batches = 0;
		for await (const _ of tracer.batches(new AbortController().signal)) {
			batches++;
			tracer.close();
			tracer.close();
		}
		expect(batches).toBe(1);
		expect(() => tracer.summary()).toThrow("closed");
	});

	kernelTest("refuses a hook family that it does not have, and attaches nothing", async () => {
		const before = openDescriptors();
		expect(() => FlowTracer.open({ ...SMALL, hooks: "kprobe" })).toThrow(UnsupportedError);
		expect(openDescriptors()).toBe(before);
	});
});
