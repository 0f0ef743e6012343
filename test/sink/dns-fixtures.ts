/** Questions of DNS for the tests of sinks. */

import type { DnsRecord } from "../../src/flow/dns-records.ts";

export function question(changes: Partial<DnsRecord> = {}): DnsRecord {
	return {
		...{ type: "dns", time: "2026-01-02T03:04:05.123456789Z", netns: 4026531840, transport: "udp" },
		...{ client_address: "10.0.0.1", client_port: 40_000 },
		...{ server_address: "2001:db8::1", server_port: 53, id: 7 },
		...{ question_name: "www.example.com", question_type: "A" },
		...{ response_code: "NOERROR", error: null, latency_us: 1234, truncated: false },
		answer_count: 2,
		answers: [
			{ name: "www.example.com", type: "CNAME", ttl: 60, data: "web.example.net" },
			{ name: "web.example.net", type: "A", ttl: 5, data: "192.0.2.1" },
		],
		...{ pid: 7, process: "curl" },
		...changes,
	};
}

export const TIMEOUT: Partial<DnsRecord> = {
	...{ response_code: null, error: "timeout", latency_us: null, truncated: null },
	...{ answer_count: null, answers: [], pid: null, process: null },
};
