import { expect } from "bun:test";
import { compileFilter } from "../../src/index.ts";
import type { ClientConnections } from "../../src/trace/client-records.ts";
import { ClientTracer } from "../../src/trace/client-tracer.ts";
import { manyOf } from "../support/load.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic, Traffic, totals } from "../support/traffic.ts";
import { until } from "../support/until.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("cl");
const filter = compileFilter({ processes: [CLIENT, SERVER] });
const BYTES = ["--request", "1000", "--response", "300"];

const ask = (tracer: ClientTracer, client: string): ClientConnections => {
	const answer = tracer.connections(client);
	if (answer === null) throw new Error(`${client} finds no room`);
	return answer;
};

/** What one client has heard of one program. */
class Heard {
	sent = 0;
	received = 0;
	over = 0;

	take({ connections, gaps, lost }: ClientConnections, program: string): void {
		expect({ gaps, lost }).toEqual({ gaps: [], lost: { closed: 0, open: 0 } });
		for (const { process, is_open, since_last, connections: count } of connections) {
			if (process !== program) continue;
			this.sent += since_last.bytes_sent ?? 0;
			this.received += since_last.bytes_received ?? 0;
			if (!is_open) this.over += count;
		}
	}
}

kernelTest("what is open is told with its totals, and then what it has moved since", async () => {
	await using traffic = new Traffic(["hold", "--count", "10", ...BYTES, ...NAMES]);
	await traffic.held();
	await traffic.step();
	using tracer = ClientTracer.open({ filter });
	const first = ask(tracer, "one");
	expect(first.is_new).toBe(true);
	expect(first.connections.length).toBe(20);
	for (const { process, bytes_sent, since_last, is_open, preexisting } of first.connections) {
		const sent = process === CLIENT ? 1000 : 300;
		expect({ bytes_sent, is_open, preexisting }).toEqual({
			...{ bytes_sent: sent, is_open: true, preexisting: true },
		});
		expect(since_last.bytes_sent).toBe(0);
	}
	await traffic.step();
	await traffic.step();
	for (const { process, state, ...told } of ask(tracer, "one").connections) {
		const [sent, received] = process === CLIENT ? [1000, 300] : [300, 1000];
		expect({ state, sent: told.bytes_sent, received: told.bytes_received }).toEqual({
			...{ state: "ESTABLISHED", sent: 3 * sent, received: 3 * received },
		});
		expect(told.since_last).toMatchObject({ bytes_sent: 2 * sent, bytes_received: 2 * received });
	}
	for (const { since_last } of ask(tracer, "one").connections)
		expect(since_last).toMatchObject({ bytes_sent: 0, bytes_received: 0 });
});

kernelTest("ten clients, each at its own pace, hear what the programs did", async () => {
	using tracer = ClientTracer.open({ filter });
	const short = manyOf(2000);
	const clients = Array.from({ length: 10 }, (_, index) => `client ${index}`);
	const heard = new Map(clients.map((name) => [name, { of: new Heard(), by: new Heard() }]));
	for (const name of clients) ask(tracer, name);
	const hear = (name: string): void => {
		const answer = ask(tracer, name);
		heard.get(name)?.of.take(answer, CLIENT);
		heard.get(name)?.by.take(answer, SERVER);
	};
	const timers = clients.map((name, index) => setInterval(() => hear(name), 11 + 23 * index));
	const truth = { clients: totals([]), servers: totals([]) };
	try {
		await using traffic = new Traffic(["hold", "--count", "10", ...BYTES, ...NAMES]);
		await traffic.held();
		const churn = runTraffic(["churn", "--count", `${short}`, ...BYTES, ...NAMES]);
		for (let step = 0; step < 5; step++) await traffic.step();
		const [held, done] = [await traffic.finish(), await churn];
		truth.clients = totals([...held.clients, ...done.clients]);
		truth.servers = totals([...held.servers, ...done.servers]);
	} finally {
		for (const timer of timers) clearInterval(timer);
	}
	const isAll = ({ of, by }: { of: Heard; by: Heard }): boolean =>
		of.over >= truth.clients.opened && by.over >= truth.servers.opened;
	const haveAll = (): boolean => {
		for (const name of clients) hear(name);
		return [...heard.values()].every(isAll);
	};
	const soFar = (): unknown =>
		Object.fromEntries([...heard].map(([name, { of }]) => [name, of.over]));
	await until(`${truth.clients.opened} ends at each client`, haveAll, { soFar });
	const expected = ({ opened, bytes_sent, bytes_received }: typeof truth.clients) => ({
		...{ over: opened, sent: bytes_sent, received: bytes_received },
	});
	for (const { of, by } of heard.values()) {
		expect({ ...of }).toEqual(expected(truth.clients));
		expect({ ...by }).toEqual(expected(truth.servers));
	}
	expect(truth.clients.opened).toBe(short + 10);
	expect(tracer.summary().lost.ring_buffer).toBe(0);
});
