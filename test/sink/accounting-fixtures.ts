/** Accounts of flows for the tests of sinks. */

import type { AccountingRecord } from "../../src/flow/records.ts";

export function account(changes: Partial<AccountingRecord> = {}): AccountingRecord {
	return {
		...{ type: "accounting", time: "2026-01-02T03:04:05.123456789Z", event: "update" },
		...{ flow_id: "00c0ffee00c0ffee", started: "2026-01-02T03:04:03.000000001Z" },
		...{ transport: "tcp", source_address: "10.0.0.1", source_port: 40_000 },
		...{ destination_address: "2001:db8::1", destination_port: 443 },
		...{ packets_original: 12, bytes_original: 5_600_000 },
		...{ packets_reply: 13, bytes_reply: null, connection_mark: 5, netns: 4026531840 },
		...{ nat: null, pid: null, process: null },
		...changes,
	};
}

export const NAT: AccountingRecord["nat"] = {
	...{ source_address: "192.0.2.1", source_port: 61_000 },
	...{ destination_address: "10.9.9.9", destination_port: null },
};
