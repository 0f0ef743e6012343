import { describe, expect } from "bun:test";
import { listConnections } from "../../src/trace/connection-list.ts";
import { EventTracer } from "../../src/trace/event-tracer.ts";
import { FlowTracer } from "../../src/trace/flow-tracer.ts";
import { type BpfIds, bpfIdsOf, NOTHING, untilFreed } from "../support/bpf.ts";
import { bpfDescriptors } from "../support/descriptors.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, Traffic } from "../support/traffic.ts";

const { names: NAMES } = ownPrograms("lend");
const HOUR_MS = 3_600_000;

interface Tracer extends AsyncDisposable {
	batches(signal?: AbortSignal): AsyncGenerator<unknown, void, undefined>;
	close(): void;
}

const TRACERS: readonly [string, () => Tracer][] = [
	["flows", () => FlowTracer.open({ maxConnections: 1024, maxFlows: 1024, intervalMs: 20 })],
	["events", () => EventTracer.open({ maxConnections: 1024, bufferBytes: 65_536 })],
];

/** Each ends a loop over the batches of a tracer that is fed with traffic. */
const WAYS: readonly [string, (tracer: Tracer) => Promise<void>][] = [
	[
		"break",
		async (tracer) => {
			for await (const _ of tracer.batches()) break;
		},
	],
	[
		"an error",
		async (tracer) => {
			const failing = async (): Promise<void> => {
				for await (const _ of tracer.batches()) throw new Error("mine");
			};
			await expect(failing()).rejects.toThrow("mine");
		},
	],
	[
		"an abort signal",
		async (tracer) => {
			const stop = new AbortController();
			for await (const _ of tracer.batches(stop.signal)) stop.abort();
		},
	],
	[
		"close() in the loop",
		async (tracer) => {
			for await (const _ of tracer.batches()) tracer.close();
		},
	],
	[
		"close() from outside",
		async (tracer) => {
			setTimeout(() => tracer.close(), 30); // at any time
			for await (const _ of tracer.batches());
		},
	],
	[
		"abort, and close() on the rest",
		async (tracer) => {
			const stop = new AbortController();
			for await (const _ of tracer.batches(stop.signal)) {
				if (stop.signal.aborted) tracer.close();
				stop.abort();
			}
		},
	],
	[
		"return()",
		async (tracer) => {
			const batches = tracer.batches();
			await batches.next();
			await batches.return();
			expect(await batches.next()).toEqual({ done: true, value: undefined });
		},
	],
];

for (const [what, open] of TRACERS)
	describe(`batches of ${what} that end by`, () => {
		for (const [how, end] of WAYS)
			kernelTest(`${how} leave nothing behind`, async () => {
				await using _ = new Traffic(["churn", "--count", "1000000", "--rst", ...NAMES]);
				let ids: BpfIds = NOTHING;
				{
					await using tracer = open();
					ids = bpfIdsOf(process.pid);
					expect(bpfDescriptors().length).toBeGreaterThan(0);
					await end(tracer);
				}
				expect(bpfDescriptors()).toEqual([]);
				expect(ids.programs.size).toBeGreaterThan(0);
				expect(ids.links.size).toBeGreaterThan(0);
				await untilFreed(ids);
			});
	});

describe("nobody waits for an interval that never ends", () => {
	for (const how of ["close", "abort"] as const)
		kernelTest(`after ${how}`, async () => {
			await using tracer = FlowTracer.open({
				maxConnections: 64,
				maxFlows: 64,
				intervalMs: HOUR_MS,
			});
			const stop = new AbortController();
			const first = tracer.batches(stop.signal).next();
			if (how === "close") tracer.close();
			else stop.abort();
			expect((await first).done).toBe(how === "close");
		});
});

kernelTest("a list is over when it is handed out, read or not", async () => {
	listConnections();
	for (const _ of listConnections({ listening: true })) break;
	expect(bpfDescriptors()).toEqual([]);
});

describe("a process that ends without close() leaves nothing in the kernel:", () => {
	const ROOT = `${import.meta.dir}/../..`;
	const OPEN = `
		const { EventTracer, FlowTracer } = await import("${ROOT}/src/index.ts");
		const tracers = [EventTracer.open({ maxConnections: 64 }), FlowTracer.open({ maxConnections: 64 })];
		void tracers[1].start(() => {}, 50);
		console.log("open");
		for await (const _ of console) break;
	`;
	for (const [how, script, exitCode] of [
		["process.exit()", "process.exit(3)", 3],
		["an error that nobody catches", 'throw new Error("mine")', 1],
		["a rejection that nobody catches", 'await Promise.reject(new Error("mine"))', 1],
		["SIGTERM", 'process.kill(process.pid, "SIGTERM"); await new Promise(() => {})', 143],
		["SIGKILL", 'process.kill(process.pid, "SIGKILL")', 137],
	] as const)
		kernelTest(how, async () => {
			const stdio = { stdin: "pipe", stdout: "pipe", stderr: "ignore" } as const;
			const child = Bun.spawn([process.execPath, "-e", `${OPEN} ${script};`], stdio);
			const said = new TextDecoder().decode((await child.stdout.getReader().read()).value);
			expect(said).toBe("open\n");
			const ids = bpfIdsOf(child.pid);
			expect(ids.links.size).toBeGreaterThan(0);
			child.stdin.write("\n");
			child.stdin.flush();
			expect(await child.exited).toBe(exitCode);
			await untilFreed(ids);
		});
});
