import { expect, test } from "bun:test";
import { DNS_LATENCY_BOUNDS_S, DnsStatistics } from "../../src/flow/dns-statistics.ts";
import { dnsMetrics } from "../../src/serve/dns-metrics.ts";

const PLACE = {
	...{ netns: 1, client_address: "10.0.0.1", server_address: "10.0.0.53", server_port: 53 },
	transport: "udp",
} as const;

/** Lines of all metrics: name and labels, value. */
function values(text: string): Record<string, number> {
	const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
	return Object.fromEntries(
		lines.map((line) => {
			const at = line.lastIndexOf(" ");
			return [line.slice(0, at), Number(line.slice(at + 1))];
		}),
	);
}

test("answers by their codes, timeouts, and how long they took, of all pairs", () => {
	const statistics = new DnsStatistics({ mostPairs: 1 });
	const end = (response_code: string | null, latency_us: number | null, server_port = 53): void =>
		statistics.add({ ...PLACE, server_port }, { time: "t", response_code, latency_us }, 0);
	end("NOERROR", 4000);
	end("NOERROR", 5000, 54);
	end("NXDOMAIN", 60_000);
	end(null, null);
	end("SERVFAIL", 20e6);
	const all = values(dnsMetrics(statistics.totals()));
	const queries = (code: string) => all[`conntracer_dns_queries_total{response_code="${code}"}`];
	expect(["NOERROR", "NXDOMAIN", "SERVFAIL", "timeout"].map(queries)).toEqual([2, 1, 1, 1]);
	const duration = "conntracer_dns_lookup_duration_seconds";
	expect(all[`${duration}_count`]).toBe(4);
	expect(all[`${duration}_sum`]).toBeCloseTo(20.069, 6);
	const below = [...DNS_LATENCY_BOUNDS_S, "+Inf"].map(
		(le) => all[`${duration}_bucket{le="${le}"}`],
	);
	expect(below).toEqual([2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4]);
});

test("a code from outside is a label of what can be seen", () => {
	const statistics = new DnsStatistics();
	statistics.add(PLACE, { time: "t", response_code: 'x"\n\u001b', latency_us: 1 }, 0);
	const text = dnsMetrics(statistics.totals());
	expect(text).toContain('{response_code="x__n_x1b"} 1');
});
