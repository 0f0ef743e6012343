/** The object for kernels before 5.12, where any kernel takes it. */

import { afterAll, beforeAll, describe, expect } from "bun:test";
import type { EventName, EventRecord, FlowRecord } from "../../src/flow/records.ts";
import { EventTracer } from "../../src/trace/event-tracer.ts";
import { FlowTracer } from "../../src/trace/flow-tracer.ts";
import { takeMainObject, WITH_FETCH, WITHOUT_FETCH } from "../../src/trace/main-object.ts";
import { cProgram } from "../support/c-program.ts";
import { addUp } from "../support/conntracer.ts";
import { manyOf } from "../support/load.ts";
import { kernelTest } from "../support/root.ts";
import { type Outcome, ownPrograms, Traffic, totals } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("old");
const EVENTS: readonly EventName[] = [
	...(["connect", "connect_failed", "accept", "close", "listen", "unlisten"] as const),
	...(["retransmit", "reset_sent", "reset_received"] as const),
];
/** The others come to a connection, or not, as its packets do. */
const LIFE: ReadonlySet<EventName> = new Set(["connect", "accept", "close"]);
const OFTEN = { intervalMs: 1 } as const;

beforeAll(() => takeMainObject(WITHOUT_FETCH));
afterAll(() => takeMainObject(WITH_FETCH));

const isOurs = ({ process }: { process: string | null }): boolean =>
	process === CLIENT || process === SERVER;

const truthOf = ({ clients, servers }: Outcome) => {
	const { opened, bytes_sent, bytes_received } = totals([...clients, ...servers]);
	return { opened, bytes_sent, bytes_received };
};

const sumOf = (flows: readonly FlowRecord[]) => {
	const { connections_opened: opened, bytes_sent, bytes_received } = addUp(flows);
	return { opened, bytes_sent, bytes_received };
};

describe("who adds what a connection has moved", () => {
	const cases: [name: string, count: number, args: string[]][] = [
		["short connections", 5000, ["--threads", "4"]],
		["some that move much", 300, ["--threads", "4", "--response", "3000000"]],
		["that end in halves", 300, ["--threads", "4", "--response", "500000", "--half-close"]],
		["that are reset", 2000, ["--threads", "4", "--response", "100000", "--rst"]],
	];
	for (const [name, count, args] of cases)
		kernelTest(`is settled between the fold and the end: ${name}`, async () => {
			const connections = manyOf(count);
			await using traffic = new Traffic([
				...["churn", "--count", `${connections}`, "--wait"],
				...args,
				...NAMES,
			]);
			await traffic.ready();
			using tracer = FlowTracer.open(OFTEN);
			traffic.go();
			const working = traffic.finish();
			const flows: FlowRecord[] = [];
			for await (const batch of tracer.batches()) {
				flows.push(...batch.flows.filter(isOurs));
				expect(batch.gaps).toEqual([]);
				if (addUp(flows).connections_closed === 2 * connections) break;
			}
			// TCP may be done before the program has read all that came.
			const truth = truthOf(await working);
			flows.push(...tracer.dumpFlows().flows.filter(isOurs));
			expect(sumOf(flows)).toEqual(truth);
			const { seen, kernel } = tracer.summary();
			expect(seen).toEqual(kernel);
		});

	kernelTest("is what has moved so far while they are open", async () => {
		using tracer = FlowTracer.open(OFTEN);
		await using traffic = new Traffic(["hold", "--count", "50", ...NAMES]);
		const flows: FlowRecord[] = [];
		const read = () => {
			flows.push(...tracer.dumpFlows().flows.filter(isOurs));
			return sumOf(flows);
		};
		await traffic.held();
		for (let steps = 0; steps < 3; steps++) {
			const truth = truthOf(await traffic.step());
			expect(read()).toEqual(truth);
		}
	});
});

kernelTest("each connection has a number of its own, the same in all of its events", async () => {
	const connections = manyOf(4000);
	const args = ["churn", "--count", `${connections}`, "--threads", "4", "--wait", ...NAMES];
	await using traffic = new Traffic(args);
	await traffic.ready();
	using tracer = EventTracer.open({ events: EVENTS, bufferBytes: 64 * 1024 * 1024 });
	traffic.go();
	const events: EventRecord[] = [];
	const closed = () => events.filter(({ event }) => event === "close").length;
	for await (const batch of tracer.batches()) {
		events.push(...batch.events.filter(isOurs));
		expect(batch.gaps).toEqual([]);
		if (closed() === 2 * connections) break;
	}
	await traffic.finish();
	const ofLives = events.filter(({ event }) => LIFE.has(event));
	const byId = Map.groupBy(ofLives, ({ id }) => id);
	const lives = Array.from(byId.values(), (of) => of.map(({ event }) => event).join(" "));
	expect([...new Set(lives)].sort()).toEqual(["accept close", "connect close"]);
	expect(byId.size).toBe(2 * connections);
	const executables = new Set(events.map(({ executable }) => executable));
	expect([...executables]).toEqual([cProgram("traffic")]);
});
