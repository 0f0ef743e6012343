/** A connection as a client is told of it: one that was opened since, and has moved something. */

import type { ChangedConnection } from "../../src/flow/client-answers.ts";
import type { ClientConnection } from "../../src/trace/client-records.ts";

export type Changed = ChangedConnection<ClientConnection>;
export const CHANGE = {
	...{ connections_opened: 1, connections_failed: 0, connections_closed: 0 },
	...{ bytes_sent: 10, bytes_received: 20, segments_sent: 1, segments_received: 1 },
	segments_retransmitted: 1,
};

export function changed(fields: Partial<Changed> = {}): Changed {
	return {
		...{ id: "1", transport: "tcp", family: "ipv4", direction: "active", state: "ESTABLISHED" },
		...{ local_address: "10.0.0.1", local_port: 40_000, remote_address: "10.0.0.2" },
		...{ remote_port: 443, pid: 7, tid: 7, process: "curl", executable: null },
		...{ command_line: null, uid: 5, netns: 1, cgroup_id: "1", container_id: null },
		...{ attribution: "task", opened: null, preexisting: true, duration_ms: null },
		...{ bytes_sent: 100, bytes_received: 200, segments_sent: 1, segments_received: 1 },
		...{ segments_retransmitted: 1, rtt_us: 100, rtt_var_us: null, rtt_min_us: null },
		...{ connect_latency_us: null, nat: null, remote_name: null, error: null },
		...{ close_reason: null, is_open: true, connections: 1, since_last: CHANGE },
		...fields,
	};
}
