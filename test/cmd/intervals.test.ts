import { describe, expect, test } from "bun:test";
import { intervals } from "../../src/cmd/intervals.ts";
import { batch, flow, gap, ScriptedTracer } from "./harness.ts";

const never = new AbortController().signal;

describe("the end of a run", () => {
	async function lengths(tracer: ScriptedTracer, count: number | null, signal = never) {
		const found: number[] = [];
		for await (const { flows } of intervals(tracer, { count, duration: null, signal })) {
			found.push(flows.length);
		}
		return found;
	}

	test("an empty rest is left out", async () => {
		expect(await lengths(new ScriptedTracer([batch([flow()]), batch([])]), null)).toEqual([
			1, 0, 0,
		]);
		const end = new AbortController();
		const tracer = new ScriptedTracer([batch([flow()]), batch([])]);
		tracer.beforeBatch = (index) => index === 1 && end.abort();
		expect(await lengths(tracer, null, end.signal)).toEqual([1]);
	});

	test("a rest with a gap only is not left out", async () => {
		const end = new AbortController();
		const tracer = new ScriptedTracer([batch([flow()])], batch([], [gap(1)]));
		tracer.beforeBatch = () => end.abort();
		expect(await lengths(tracer, null, end.signal)).toEqual([0]);
	});

	test("a rest has the flows only in which something happened", async () => {
		const end = new AbortController();
		const idle = { connections_opened: 0, connections_closed: 0, bytes_sent: 0, bytes_received: 0 };
		const rest = batch([
			flow({ ...idle, connections_open: 5 }),
			...[{ connections_opened: 1 }, { connections_failed: 1 }, { connections_closed: 1 }].map(
				flow,
			),
			...[{ bytes_sent: 1 }, { bytes_received: 1 }, { segments_retransmitted: 1 }].map((moved) =>
				flow({ ...idle, ...moved }),
			),
		]);
		const tracer = new ScriptedTracer([batch([flow()])], rest);
		tracer.beforeBatch = () => end.abort();
		expect(await lengths(tracer, null, end.signal)).toEqual([6]);
	});

	test("a counted run has so many intervals, empty or not", async () => {
		const tracer = new ScriptedTracer([batch([]), batch([]), batch([flow()])]);
		expect(await lengths(tracer, 2)).toEqual([0, 0]);
	});

	test("after the duration the tracer is told to stop", async () => {
		const tracer = new ScriptedTracer();
		tracer.batches = async function* (signal) {
			await new Promise((resolve) => signal.addEventListener("abort", resolve));
			yield batch([flow()]);
		};
		const found = [];
		for await (const one of intervals(tracer, { count: null, duration: 10, signal: never })) {
			found.push(one);
		}
		expect(found).toEqual([batch([flow()])]);
	});
});
