/** How servers of DNS answer, for Prometheus: of all pairs of client and server together, as a pair may make room for others. */

import { DNS_LATENCY_BOUNDS_S, type DnsStatisticsRow } from "../flow/dns-statistics.ts";
import { safeText } from "../sink/text.ts";

const QUERIES = "conntracer_dns_queries_total";
const DURATION = "conntracer_dns_lookup_duration_seconds";

/** In the text format, all of it; totals only grow. */
export function dnsMetrics(rows: readonly DnsStatisticsRow[]): string {
	const codes = new Map([["NOERROR", 0]]);
	const buckets = [...DNS_LATENCY_BOUNDS_S.map(() => 0), 0];
	let [timeouts, count, sumUs] = [0, 0, 0];
	for (const { successes, failures, timeouts: late, latency } of rows) {
		for (const [code, times] of [["NOERROR", successes] as const, ...Object.entries(failures)])
			codes.set(code, (codes.get(code) ?? 0) + times);
		timeouts += late;
		count += latency.count;
		sumUs += latency.sum_us;
		for (const [at, times] of latency.buckets.entries()) buckets[at] = (buckets[at] ?? 0) + times;
	}
	const lines = [
		`# HELP ${QUERIES} Questions of DNS by their response code; those that nobody answered are a timeout.`,
		`# TYPE ${QUERIES} counter`,
		...Array.from(codes, ([code, n]) => `${QUERIES}{response_code="${label(code)}"} ${n}`),
		`${QUERIES}{response_code="timeout"} ${timeouts}`,
		`# HELP ${DURATION} From a question of DNS to its answer.`,
		`# TYPE ${DURATION} histogram`,
	];
	let below = 0;
	for (const [at, bound] of DNS_LATENCY_BOUNDS_S.entries()) {
		below += buckets[at] ?? 0;
		lines.push(`${DURATION}_bucket{le="${bound}"} ${below}`);
	}
	lines.push(`${DURATION}_bucket{le="+Inf"} ${count}`);
	lines.push(`${DURATION}_sum ${sumUs / 1e6}`, `${DURATION}_count ${count}`);
	return `\n${lines.join("\n")}\n`;
}

const label = (text: string): string => safeText(text).replace(/["\\\n]/g, "_");
