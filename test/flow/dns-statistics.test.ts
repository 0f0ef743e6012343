import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
	DNS_LATENCY_BOUNDS_S,
	DnsStatistics,
	type DnsStatisticsRow,
} from "../../src/flow/dns-statistics.ts";

const SEED = Number(process.env["FAST_CHECK_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const PLACE = {
	...({ netns: 1, transport: "udp", client_address: "10.0.0.1" } as const),
	...({ server_address: "10.0.0.2", server_port: 53 } as const),
};
const at = (client: number) => ({ ...PLACE, client_address: `10.0.0.${client}` });
let seconds = 0;
const ended = (response_code: string | null, latency_us: number | null = null) => ({
	time: new Date(++seconds * 1000).toISOString(),
	response_code,
	latency_us,
});
const NOERROR = (): ReturnType<typeof ended> => ended("NOERROR", 100);

const queries = (rows: readonly DnsStatisticsRow[] | undefined): number[] =>
	(rows ?? []).map((row) => row.queries);
const told = (statistics: DnsStatistics, client: string, nowMs = 0): number[] =>
	queries(statistics.ask(client, nowMs)?.statistics);

test("DNSStats: successes, failures by code, timeouts and latencies", () => {
	const statistics = new DnsStatistics();
	const ends = [
		...[ended("NOERROR", 400), ended("NXDOMAIN", 5000), ended("SERVFAIL", 5001)],
		...[ended("NXDOMAIN", 20_000_000), ended(null), ended("NOERROR", null)],
	];
	for (const end of ends) statistics.add(PLACE, end, 0);
	const buckets = DNS_LATENCY_BOUNDS_S.map(() => 0).concat(1);
	buckets[0] = 2;
	buckets[1] = 1;
	expect(statistics.totals()).toEqual([
		{
			...PLACE,
			...{ queries: 6, successes: 2, failures: { NXDOMAIN: 2, SERVFAIL: 1 }, timeouts: 1 },
			latency: { count: 4, sum_us: 20_010_401, min_us: 400, max_us: 20_000_000, buckets },
			first: ends[0]?.time ?? "",
			last: ends.at(-1)?.time ?? "",
		},
	]);
});

test("a pair without any answer has no latency", () => {
	const statistics = new DnsStatistics();
	statistics.add(PLACE, ended(null), 0);
	expect(statistics.totals()).toMatchObject([
		{ queries: 1, timeouts: 1, failures: {}, latency: { count: 0, min_us: null, max_us: null } },
	]);
});

test("server, its port, client, transport and namespace tell pairs apart", () => {
	const statistics = new DnsStatistics();
	const others = [
		...[{ netns: 2 }, { transport: "tcp" as const }, { client_address: "10.0.0.9" }],
		...[{ server_address: "10.0.0.9" }, { server_port: 5353 }],
	];
	for (const other of [{}, ...others]) statistics.add({ ...PLACE, ...other }, NOERROR(), 0);
	expect(statistics.totals()).toMatchObject([PLACE, ...others]);
	expect(queries(statistics.totals())).toEqual([1, 1, 1, 1, 1, 1]);
});

test("DNSStatsPIDCollisions: what two processes of one address ask counts once", () => {
	const statistics = new DnsStatistics();
	statistics.ask("a", 0);
	for (const client_port of [40_000, 40_001])
		statistics.add({ ...PLACE, ...{ client_port } }, NOERROR(), 0);
	expect(statistics.ask("a", 0)?.statistics).toMatchObject([{ ...PLACE, successes: 2 }]);
	expect(queries(statistics.totals())).toEqual([2]);
});

test("codes of one pair have a bound", () => {
	const statistics = new DnsStatistics();
	for (let code = 0; code < 100; code++) statistics.add(PLACE, ended(`RCODE_${code}`), 0);
	const failures = statistics.totals()[0]?.failures ?? {};
	expect(Object.keys(failures)).toHaveLength(33);
	expect(failures["OTHER"]).toBe(68);
});

describe("what finds no room", () => {
	test("is in a row of its own, for totals and for each client", () => {
		const statistics = new DnsStatistics({ mostPairs: 2 });
		statistics.ask("a", 0);
		for (const client of [1, 2, 3, 4, 2, 3]) statistics.add(at(client), NOERROR(), 0);
		const rows = statistics.totals();
		expect(queries(rows)).toEqual([1, 2, 3]);
		const nobody = { netns: null, transport: null, client_address: null };
		expect(rows[2]).toMatchObject({ ...nobody, server_address: null, server_port: null });
		expect(statistics.ask("a", 0)?.statistics).toEqual(rows);
	});

	test("has room as soon as another one was idle for long, which is then in that row", () => {
		const statistics = new DnsStatistics({ mostPairs: 2, idleMs: 1000 });
		statistics.add(at(1), ended("NXDOMAIN", 9), 0);
		for (const nowMs of [1, 999]) statistics.add(at(2), NOERROR(), nowMs);
		for (const nowMs of [999, 1000]) statistics.add(at(3), NOERROR(), nowMs);
		const rows = statistics.totals();
		expect(rows.map((row) => [row.client_address, row.queries])).toEqual([
			["10.0.0.2", 2],
			["10.0.0.3", 1],
			[null, 2],
		]);
		expect(rows[2]).toMatchObject({
			...{ successes: 1, failures: { NXDOMAIN: 1 } },
			latency: { count: 2, sum_us: 109, min_us: 9, max_us: 100 },
		});
		expect(Date.parse(rows[2]?.first ?? "")).toBeLessThan(Date.parse(rows[2]?.last ?? ""));
	});
});

describe("clients", () => {
	test("DNSStatsWithMultipleClients: each is told what came since it asked last", () => {
		const statistics = new DnsStatistics();
		expect(statistics.ask("a", 0)).toMatchObject({ is_new: true, statistics: [] });
		expect(statistics.ask("b", 0)).toMatchObject({ is_new: true, statistics: [] });
		statistics.add(PLACE, NOERROR(), 0);
		expect(told(statistics, "a")).toEqual([1]);
		expect(statistics.ask("c", 0)?.is_new).toBe(true);
		statistics.add(PLACE, NOERROR(), 0);
		statistics.add(at(2), NOERROR(), 0);
		expect(told(statistics, "c")).toEqual([1, 1]);
		expect(told(statistics, "b")).toEqual([2, 1]);
		expect(told(statistics, "a")).toEqual([1, 1]);
		expect(told(statistics, "a")).toEqual([]);
		expect(queries(statistics.totals())).toEqual([2, 1]);
	});

	test("have a bound, and are forgotten when they do not ask, or when told to", () => {
		const statistics = new DnsStatistics({ mostClients: 2, expiryMs: 1000 });
		statistics.ask("a", 0);
		statistics.ask("b", 500);
		expect(statistics.ask("c", 1000)).toBe(null);
		statistics.add(PLACE, NOERROR(), 1000);
		expect(statistics.ask("c", 1001)?.is_new).toBe(true);
		expect(told(statistics, "b", 1001)).toEqual([1]);
		expect(statistics.ask("a", 1001)).toBe(null);
		statistics.forget("b");
		expect(statistics.ask("a", 1001)).toMatchObject({ is_new: true, statistics: [] });
		statistics.expire(9000);
		expect(statistics.clients).toBe(0);
	});

	test(`in any order of things add up to the truth (FAST_CHECK_SEED=${SEED})`, () => {
		const step = fc.oneof(
			fc.record({ client: fc.integer({ min: 1, max: 6 }), code: fc.constantFrom("NOERROR", null) }),
			fc.record({ ask: fc.constantFrom("a", "b", "c") }),
		);
		fc.assert(
			fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
				const statistics = new DnsStatistics({ mostPairs: 4 });
				const sums = { a: 0, b: 0, c: 0 };
				for (const client of ["a", "b", "c"]) statistics.ask(client, 0);
				const sum = (rows: readonly number[]): number => rows.reduce((all, one) => all + one, 0);
				let truth = 0;
				for (const one of steps) {
					if ("ask" in one) sums[one.ask as "a"] += sum(told(statistics, one.ask));
					else {
						truth++;
						statistics.add(at(one.client), ended(one.code), 0);
					}
				}
				for (const client of ["a", "b", "c"] as const)
					sums[client] += sum(told(statistics, client));
				expect(sums).toEqual({ a: truth, b: truth, c: truth });
				expect(sum(queries(statistics.totals()))).toBe(truth);
			}),
			{ seed: SEED },
		);
	});
});
