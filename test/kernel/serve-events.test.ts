import { describe, expect } from "bun:test";
import type { EventName } from "../../src/flow/records.ts";
import { EventSource } from "../support/event-source.ts";
import { manyOf } from "../support/load.ts";
import { kernelTest } from "../support/root.ts";
import { Scratch, Service } from "../support/service.ts";
import { ownPrograms, runTraffic, totals } from "../support/traffic.ts";
import { until } from "../support/until.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("sse");
const OWN = `process=${CLIENT}&process=${SERVER}`;

const churn = (count: number) => runTraffic(["churn", "--count", `${count}`, ...NAMES]);
const counted = (source: EventSource): Partial<Record<EventName, number>> => {
	const counts: Partial<Record<EventName, number>> = {};
	for (const { event } of source.events) counts[event] = (counts[event] ?? 0) + 1;
	return counts;
};

async function listen(service: Service, query: string, lastId?: string): Promise<EventSource> {
	return await EventSource.open((...of) => service.ask(...of), `/events?${query}`, lastId);
}

kernelTest("readers hear what the programs did, each what it has asked for", async () => {
	using scratch = new Scratch();
	await using service = await Service.start(scratch.in("api.sock"));
	await using all = await listen(service, OWN);
	await using ends = await listen(service, `process=${CLIENT}&events=close`);
	const count = manyOf(2000);
	const { clients } = await churn(count);
	const { opened, bytes_sent } = totals(clients);
	expect(opened).toBe(count);
	await all.untilEvents(4 * count);
	await ends.untilEvents(count);
	expect(counted(all)).toEqual({ connect: count, accept: count, close: 2 * count });
	expect(counted(ends)).toEqual({ close: count });
	expect(ends.events.reduce((sum, event) => sum + (event.bytes_sent ?? 0), 0)).toBe(bytes_sent);
	for (const { gaps } of [all, ends]) expect(gaps).toEqual([]);
	expect(all.all[0]?.data).toMatchObject({ type: "ready", hooks: { tcp_lifecycle: "tracepoint" } });
	const times = all.events.map(({ time }) => time);
	expect(times).toEqual(times.toSorted());
});

kernelTest("what fails is heard where only that is asked for", async () => {
	using scratch = new Scratch();
	await using service = await Service.start(scratch.in("api.sock"));
	await using failures = await listen(service, `process=${CLIENT}&failed=true`);
	await churn(5);
	await runTraffic(["refused", "--count", "7", ...NAMES]);
	await failures.untilEvents(7);
	expect(counted(failures)).toEqual({ connect_failed: 7 });
	expect(new Set(failures.events.map(({ error }) => error))).toEqual(new Set(["ECONNREFUSED"]));
	const { connections } = await service.connections("late");
	expect(connections.filter(({ process }) => process === CLIENT)).toEqual([]);
});

describe("a reader that comes again", () => {
	kernelTest("goes on behind the last one that it has seen", async () => {
		using scratch = new Scratch();
		await using service = await Service.start(scratch.in("api.sock"));
		const first = await listen(service, `${OWN}&events=close`);
		await churn(10);
		await first.untilEvents(20);
		await first[Symbol.asyncDispose]();
		await churn(5);
		const seen = first.all[8];
		await using again = await listen(service, `${OWN}&events=close`, seen?.id ?? "");
		await again.untilEvents(22);
		expect(again.gaps).toEqual([]);
		const ids = [...first.all.slice(1, 9), ...again.all.slice(1)].map(({ id }) => id);
		expect(new Set(ids).size).toBe(30);
		expect(again.events.length).toBe(22);
	});
});

kernelTest("a client that never reads costs others nothing, and is cut off", async () => {
	using scratch = new Scratch();
	await using service = await Service.start(scratch.in("api.sock"));
	const asked = await Promise.all(
		["/events?events=close", "/openapi.json", "/events"].map((path) => neverRead(service, path)),
	);
	await using reader = await listen(service, `process=${CLIENT}&events=close`);
	const each = manyOf(2000);
	for (let round = 1; round <= 10; round++) {
		await churn(each);
		await reader.untilEvents(round * each);
	}
	expect({ heard: reader.events.length, gaps: reader.gaps }).toEqual({
		heard: 10 * each,
		gaps: [],
	});
	const stats = async () => (await (await service.ask("/stats")).json()) as { readers: number };
	expect((await stats()).readers).toBe(3);
	// Longer than the service waits for somebody to read.
	const isAlone = async (): Promise<boolean> => (await stats()).readers === 1;
	await until("those who do not read to be cut off", isAlone, { withinMs: 60_000, everyMs: 500 });
	for (const socket of asked) socket.terminate();
});

function neverRead(service: Service, path: string) {
	return Bun.connect({
		unix: service.socket,
		socket: {
			open(socket) {
				socket.write(`GET ${path} HTTP/1.1\r\nhost: c\r\n\r\n`);
				socket.pause();
			},
			data() {},
		},
	});
}
