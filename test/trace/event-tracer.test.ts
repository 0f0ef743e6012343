import { describe, expect } from "bun:test";
import type { EventRecord, GapRecord, SummaryRecord } from "../../src/flow/records.ts";
import type { EventTracerOptions } from "../../src/trace/event-options.ts";
import { EventTracer } from "../../src/trace/event-tracer.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { isOlderThan, kernelTest } from "../support/root.ts";
import { type Outcome, ownPrograms, runTraffic, Traffic, totals } from "../support/traffic.ts";
import { until } from "../support/until.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("ev");

interface Traced {
	/** Of our own programs. */
	readonly events: readonly EventRecord[];
	/** Of anybody's. */
	readonly all: number;
	readonly gaps: readonly GapRecord[];
	readonly summary: SummaryRecord;
	readonly truth: Outcome;
}

const isOurs = ({ process }: EventRecord): boolean => process === CLIENT || process === SERVER;

const isEnd = ({ event }: EventRecord): boolean => event === "close" || event === "connect_failed";
const LONGEST_END_MS = 20_000;

/**
 * `work` is done when its programs have closed their connections; TCP may take a moment more, so
 * this goes on until `ends` of them have ended.
 * @throws when that takes too long
 */
async function traced(
	work: () => Promise<Outcome>,
	ends: number,
	options: Partial<EventTracerOptions> = {},
): Promise<Traced> {
	using tracer = EventTracer.open(options);
	const stop = new AbortController();
	const events: EventRecord[] = [];
	const gaps: GapRecord[] = [];
	let ended = 0;
	const toTheEnd = async (): Promise<Outcome> => {
		try {
			const outcome = await work();
			const patience = { withinMs: LONGEST_END_MS, soFar: () => ended };
			await until(`${ends} ends`, () => ended >= ends, patience);
			return outcome;
		} finally {
			stop.abort();
		}
	};
	const working = toTheEnd();
	for await (const batch of tracer.batches(stop.signal)) {
		events.push(...batch.events);
		gaps.push(...batch.gaps);
		ended += batch.events.filter((event) => isOurs(event) && isEnd(event)).length;
	}
	const truth = await working;
	const summary = tracer.summary();
	return { events: events.filter(isOurs), all: events.length, gaps, summary, truth };
}

const count = <T>(items: readonly T[], key: (item: T) => unknown): Record<string, number> => {
	const counts: Record<string, number> = {};
	for (const item of items) counts[String(key(item))] = (counts[String(key(item))] ?? 0) + 1;
	return counts;
};

const sum = (events: readonly EventRecord[], field: "bytes_sent" | "bytes_received"): number =>
	events.reduce((total, event) => total + (event[field] ?? 0), 0);

describe("4,000 connections of 777 bytes each way", () => {
	kernelTest("have each event once, exact bytes, the right process, and order", async () => {
		const args = ["churn", "--count", "4000", "--request", "777", "--response", "777", ...NAMES];
		const { events, gaps, summary, truth } = await traced(() => runTraffic(args), 8000);
		expect(count(events, ({ event, process }) => `${event} ${process}`)).toEqual({
			[`connect ${CLIENT}`]: 4000,
			[`accept ${SERVER}`]: 4000,
			[`close ${CLIENT}`]: 4000,
			[`close ${SERVER}`]: 4000,
		});
		expect(new Set(events.map(({ id }) => id)).size).toBe(8000);
		for (const [process, truths] of [
			[CLIENT, truth.clients],
			[SERVER, truth.servers],
		] as const) {
			const closes = events.filter((e) => e.event === "close" && e.process === process);
			expect(closes.filter((e) => e.bytes_sent !== 777 || e.bytes_received !== 777)).toEqual([]);
			expect(sum(closes, "bytes_sent")).toBe(totals(truths).bytes_sent);
			const pids = new Set(events.filter((e) => e.process === process).map(({ pid }) => pid));
			expect(pids).toEqual(new Set(truths.map(({ pid }) => pid)));
		}
		const times = events.map(({ time }) => time);
		expect(times).toEqual(times.toSorted());
		expect(gaps).toEqual([]);
		expect(summary.seen).toEqual(summary.kernel);
	});
});

kernelTest("1,200 refused connections are 1,200 connect_failed, and no other event", async () => {
	const { events, gaps } = await traced(
		() => runTraffic(["refused", "--count", "1200", ...NAMES]),
		1200,
	);
	expect(count(events, ({ event, error }) => `${event} ${error}`)).toEqual({
		"connect_failed ECONNREFUSED": 1200,
	});
	expect(gaps).toEqual([]);
});

kernelTest("connections that time out carry ETIMEDOUT", async () => {
	const args = ["abandoned", "--count", "20", "--user-timeout", "200", ...NAMES];
	const { events, truth } = await traced(() => runTraffic(args), 20);
	expect(truth.clients.map(({ failed }) => failed)).toEqual([{ ETIMEDOUT: 20 }]);
	const failed = events.filter(({ event }) => event === "connect_failed");
	// Before 6.10 the program can have asked for the error, and so taken it away, before the end.
	const known = failed.filter(({ error }) => error !== null || !isOlderThan("6.10"));
	expect(failed.length).toBe(20);
	expect(known.length).toBeGreaterThan(0);
	expect(known.filter(({ error }) => error !== "ETIMEDOUT")).toEqual([]);
});

describe("a connection that is closed", () => {
	const cases: [string, string, string, string][] = [
		["by the client", "--client-closes", "local null", "remote null"],
		["by the server", "--server-closes", "remote null", "local null"],
		["in halves", "--half-close", "local null", "remote null"],
		["with a reset", "--rst", "reset_sent null", "reset_received ECONNRESET"],
		["with data unread", "--rst-unread", "reset_received ECONNRESET", "reset_sent null"],
		["by connect(AF_UNSPEC)", "--disconnect", "reset_sent null", "reset_received ECONNRESET"],
	];
	for (const [how, option, client, server] of cases)
		kernelTest(`${how} says why on both sides`, async () => {
			const args = ["churn", "--count", "200", option, ...NAMES];
			const { events, truth } = await traced(() => runTraffic(args), 400);
			const closes = events.filter(({ event }) => event === "close");
			expect(count(closes, (e) => `${e.process} ${e.close_reason} ${e.error}`)).toEqual({
				[`${CLIENT} ${client}`]: 200,
				[`${SERVER} ${server}`]: 200,
			});
			const truths = totals([...truth.clients, ...truth.servers]);
			expect(sum(closes, "bytes_sent")).toBe(truths.bytes_sent);
			expect(sum(closes, "bytes_received")).toBe(truths.bytes_received);
		});
});

kernelTest("a flood that the buffer cannot hold: records and gaps are the truth", async () => {
	const args = ["churn", "--count", "10000", "--threads", "4", ...NAMES];
	const { all, gaps, summary } = await traced(() => runTraffic(args), 0, { bufferBytes: 4096 });
	const missing = gaps.reduce((total, gap) => total + gap.count, 0);
	const { active_opens = 0, passive_opens = 0 } = summary.kernel ?? {};
	expect(gaps.filter(({ stage }) => stage !== "ring_buffer")).toEqual([]);
	expect(missing).toBeGreaterThan(0);
	expect(all + missing).toBe(2 * (active_opens + passive_opens));
	expect(summary.lost.ring_buffer).toBe(missing);
});

/** The flood goes on for longer than this. */
const SOON_MS = 20_000;

kernelTest(
	"a tracer that is told to end does so, however many events wait for it",
	async () => {
		const flood = ["churn", "--count", "1000000", "--threads", "4", "--clients", "2", "--rst"];
		await using traffic = new Traffic([...flood, "--wait", ...NAMES]);
		await traffic.ready();
		using tracer = EventTracer.open({ bufferBytes: 4096 });
		traffic.go();
		let count = 0;
		for await (const { events } of tracer.batches(AbortSignal.timeout(1000))) {
			count += events.length;
			Bun.sleepSync(20); // a reader that takes long: the buffer is full again
		}
		expect(count).toBeGreaterThan(0);
	},
	SOON_MS,
);

kernelTest("connections from before the start have a close with their whole totals", async () => {
	await using traffic = new Traffic(["hold", "--count", "10", ...NAMES]);
	await traffic.held();
	await traffic.step();
	const { events, truth } = await traced(() => traffic.finish(), 20);
	expect(count(events, ({ event, preexisting }) => `${event} ${preexisting}`)).toEqual({
		"close true": 20,
	});
	const truths = totals([...truth.clients, ...truth.servers]);
	expect(sum(events, "bytes_sent")).toBe(truths.bytes_sent);
	expect(sum(events, "bytes_received")).toBe(truths.bytes_received);
	expect(events.filter(({ opened, duration_ms }) => opened ?? duration_ms)).toEqual([]);
});

kernelTest("only the events that are asked for are there", async () => {
	const args = ["churn", "--count", "50", ...NAMES];
	const { events } = await traced(() => runTraffic(args), 0, { events: ["accept"] });
	expect(count(events, ({ event }) => event)).toEqual({ accept: 50 });
});

kernelTest("a tracer that is left early leaves nothing behind", async () => {
	const cycle = async (): Promise<void> => {
		using tracer = EventTracer.open({ bufferBytes: 65_536 });
		const stop = new AbortController();
		stop.abort();
		for await (const _ of tracer.batches(stop.signal)) break;
	};
	await cycle();
	const before = openDescriptors();
	for (let times = 0; times < 20; times++) await cycle();
	expect(openDescriptors()).toBe(before);
});

describe("each event comes once", () => {
	const WAYS = {
		"a loop that is left and begun again": async (tracer: EventTracer) => {
			for await (const batch of tracer.batches()) return batch.events;
			return [];
		},
		"an iterator that nobody ends": async (tracer: EventTracer) => {
			const { value } = await tracer.batches().next();
			return value?.events ?? [];
		},
		"a call": (tracer: EventTracer) => Promise.resolve(tracer.dumpEvents().events),
	} as const;
	for (const [first, take] of Object.entries(WAYS))
		for (const [then, takeMore] of Object.entries(WAYS))
			kernelTest(`by ${first}, and then by ${then}`, async () => {
				using tracer = EventTracer.open();
				const found: EventRecord[] = [];
				for (const way of [take, takeMore]) {
					await runTraffic(["churn", "--count", "10", ...NAMES]);
					found.push(...(await way(tracer)));
				}
				while (found.filter(isOurs).filter(isEnd).length < 40)
					found.push(...(await WAYS["a loop that is left and begun again"](tracer)));
				found.push(...tracer.dumpEvents().events);
				expect(count(found.filter(isOurs), ({ event }) => event)).toEqual({
					...{ connect: 20, accept: 20, close: 40 },
				});
			});
});
