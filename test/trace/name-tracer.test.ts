import { describe, expect } from "bun:test";
import type { DnsStatisticsRow } from "../../src/flow/dns-statistics.ts";
import { EventTracer } from "../../src/trace/event-tracer.ts";
import { NameTracer } from "../../src/trace/name-tracer.ts";
import { Conntrack } from "../support/conntrack.ts";
import { framed, query } from "../support/dns.ts";
import { NameScene, PORT } from "../support/names.ts";
import { hostTest, kernelTest } from "../support/root.ts";
import { until } from "../support/until.ts";

const ZONE = ["--host-record=web.test,10.77.0.2,fd77::2", "--local=/test/", "--local-ttl=1"];
const TIMEOUT_MS = 300;

const ended = (tracer: NameTracer): number =>
	tracer.statistics.totals().reduce((sum, { queries }) => sum + queries, 0);

async function untilEnded(tracer: NameTracer, questions: number): Promise<void> {
	const soFar = (): number => ended(tracer);
	await until(`the end of ${questions} questions`, () => soFar() >= questions, { soFar });
}

/** Without what time decides. */
const counts = (rows: readonly DnsStatisticsRow[] = []): unknown[] =>
	rows.map(({ latency, first: _, last: __, ...counted }) => ({
		...counted,
		answers: latency.count,
	}));

const names = (count: number, name: string): string[] => Array.from({ length: count }, () => name);

describe("statistics are what a workload asked, and was answered", () => {
	kernelTest("for each server, client and transport; and for each that asks them", async () => {
		const [FOUND, MISSING, LOST] = [120, 35, 17];
		await using scene = new NameScene();
		const server = await scene.serve([], ZONE);
		const { asker, netns, pair } = scene;
		using tracer = NameTracer.open({ netns: [netns], timeoutMs: TIMEOUT_MS });
		const { statistics } = tracer;
		statistics.ask("early", performance.now());
		const asked = [...names(FOUND, "web.test"), ...names(MISSING, "no.test")];
		const messages = asked.map((name, id) => query(id, name, "A"));
		const begin = Date.now();
		for (const message of messages) await asker.ask("udp", pair.right.ipv4, [message]);
		await untilEnded(tracer, asked.length);
		const late = statistics.ask("late", performance.now());
		expect(late).toMatchObject({ is_new: true, statistics: [] });
		// dnsmasq does not answer more than a hundred in one connection.
		for (let at = 0; at < messages.length; at += 50)
			await asker.ask("tcp", pair.right.ipv6, messages.slice(at, at + 50).map(framed));
		await server[Symbol.asyncDispose]();
		for (const id of Array(LOST).keys())
			await asker.ask("udp", pair.right.ipv4, [query(id, "web.test", "A")], 0);
		await untilEnded(tracer, 2 * asked.length + LOST);
		const between = { netns, server_port: 53 };
		const four = { client_address: pair.left.ipv4, server_address: pair.right.ipv4 };
		const six = { client_address: pair.left.ipv6, server_address: pair.right.ipv6 };
		const answered = { successes: FOUND, failures: { NXDOMAIN: MISSING }, timeouts: 0 };
		const overTcp = {
			...{ ...between, ...six, transport: "tcp", queries: asked.length, ...answered },
			answers: asked.length,
		};
		const all = [
			overTcp,
			{
				...{ ...between, ...four, transport: "udp", queries: asked.length + LOST, ...answered },
				...{ timeouts: LOST, answers: asked.length },
			},
		];
		const totals = statistics.totals();
		expect(counts(totals)).toEqual(all);
		expect(counts(statistics.ask("early", performance.now())?.statistics)).toEqual(all);
		const none = { successes: 0, failures: {}, answers: 0 };
		const since = [overTcp, { ...all[1], queries: LOST, ...none }];
		expect(counts(statistics.ask("late", performance.now())?.statistics)).toEqual(since);
		for (const { latency, first, last } of totals) {
			expect(latency.buckets.reduce((sum, count) => sum + count, 0)).toBe(latency.count);
			const { sum_us, count } = latency;
			const [least, most] = [latency.min_us ?? Number.NaN, latency.max_us ?? Number.NaN];
			expect(most).toBeLessThanOrEqual((Date.now() - begin) * 1000);
			expect(sum_us).toBeGreaterThanOrEqual(least * (count - 1) + most);
			expect(sum_us).toBeLessThanOrEqual(least + most * (count - 1));
			expect(Date.parse(first)).toBeGreaterThanOrEqual(begin);
			expect(Date.parse(last)).toBeLessThanOrEqual(Date.now());
		}
		expect(tracer.takeGaps()).toEqual([]);
	});

	hostTest("DNSStatsWithNAT: of the server that a translated question reaches", async () => {
		await using scene = new NameScene();
		await scene.serve([], ZONE);
		const { asker, client, netns, pair } = scene;
		const ELSEWHERE = "203.0.113.7";
		new Conntrack(pair.left).nft(`table ip translated {
	chain it { type nat hook output priority -100; ip daddr ${ELSEWHERE} dnat to ${pair.right.ipv4}; }
}`);
		const route = ["route", "add", "default", "via", pair.right.ipv4];
		expect(Bun.spawnSync(["ip", "-n", pair.left.name, ...route]).success).toBe(true);
		using tracer = NameTracer.open({ netns: [netns] });
		for (const id of Array(5).keys())
			await asker.ask("udp", ELSEWHERE, [query(id, "web.test", "A")]);
		await client.resolve("web.test", "A", ELSEWHERE, PORT);
		await untilEnded(tracer, 6);
		const server_address = pair.right.ipv4;
		expect(tracer.statistics.totals()).toMatchObject([
			{ netns, client_address: pair.left.ipv4, server_address, queries: 6, successes: 6 },
		]);
		expect(tracer.nameOf(netns, "10.77.0.2")).toBe("web.test");
	});
});

kernelTest("names are there at once, for a while, and only where they were asked for", async () => {
	await using scene = new NameScene();
	await scene.serve([], ZONE);
	const { client, netns, pair } = scene;
	using tracer = NameTracer.open({ netns: [netns] });
	expect(tracer.nameOf(netns, "10.77.0.2")).toBe(null);
	await client.resolve("web.test", "AAAA", pair.right.ipv6);
	tracer.read();
	const [, other = 0] = pair.numbers();
	const found = [netns, other].map((inode) => tracer.nameOf(inode, "fd77::2"));
	expect(found).toEqual(["web.test", null]);
	tracer.close();
	expect(() => tracer.read()).toThrow("closed");
});

kernelTest("what had to make room is counted", async () => {
	await using scene = new NameScene();
	await scene.serve([], ZONE);
	const { asker, netns, pair } = scene;
	using tracer = NameTracer.open({ netns: [netns], maxNames: 1 });
	const types = ["A", "AAAA"];
	for (const [id, type] of types.entries())
		await asker.ask("udp", pair.right.ipv4, [query(id, "web.test", type)]);
	await untilEnded(tracer, types.length);
	expect(tracer.takeGaps()).toMatchObject([{ stage: "dns_table", count: 1 }]);
	expect(tracer.lost).toEqual({
		...{ queue: 0, dns_table: 1, dns_message: 0, dns_unasked: 0, namespace: 0 },
	});
	expect(tracer.size).toBe(1);
});

kernelTest("a tracer of events has them in what is open as well", async () => {
	await using scene = new NameScene();
	await scene.serve([], ZONE);
	const { client, netns, pair } = scene;
	using tracer = EventTracer.open({ showsOpen: true, events: ["close"], dns: { netns: [netns] } });
	expect(tracer.names?.size).toBe(0);
	const { port } = await client.hold("web.test", "A", pair.right.ipv4);
	const ofClient = tracer.connections().filter(({ local_port }) => local_port === port);
	expect(ofClient.map(({ remote_name }) => remote_name)).toContain("web.test");
	expect(tracer.summary().lost).toMatchObject({ queue: 0, dns_table: 0, dns_message: 0 });
});
