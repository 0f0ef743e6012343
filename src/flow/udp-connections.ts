/** UDP as connections with totals, from what its flows moved in each interval. */

import { type ConnectionCounters, plus } from "./connection-counters.ts";
import { type ConnectionFields, type FlowRecord, LAST_STARTED } from "./records.ts";

/** As a connection of TCP, but that nobody counts its segments. */
export type UdpConnection = Omit<ConnectionFields, keyof ConnectionCounters> & ConnectionCounters;

type Identity = Pick<
	FlowRecord,
	"netns" | "direction" | "process" | "cgroup_id" | "last_pid" | "uid"
> &
	Pick<FlowRecord, "local_address" | "local_port" | "remote_address" | "remote_port">;

/** What has come to its end since the last interval, and what is open at its end. */
export interface UdpLook {
	readonly open: readonly UdpConnection[];
	readonly ended: readonly UdpConnection[];
}

/** What is known of a process beyond its name. */
type DetailsOf = (
	pid: number,
	name: string | null,
	started: number,
) => { readonly executable: string | null; readonly commandLine: string | null };

export class UdpConnections {
	#known = new Map<string, UdpConnection>();
	#begun = 0;
	readonly #detailsOf: DetailsOf;

	constructor(detailsOf: DetailsOf) {
		this.#detailsOf = detailsOf;
	}

	/** @param flows of the key `connection`, of single programs; all that are open are among them */
	take(flows: readonly FlowRecord[]): UdpLook {
		const open = new Map<string, UdpConnection>();
		const ended: UdpConnection[] = [];
		for (const flow of flows) {
			const key = keyOf(flow);
			const now = grown(this.#known.get(key) ?? this.#begin(flow), flow);
			this.#known.delete(key);
			if (flow.connections_open > 0) open.set(key, now);
			else ended.push({ ...now, state: "CLOSE" });
		}
		// It ended, and its flow was given up meanwhile.
		for (const gone of this.#known.values()) ended.push({ ...gone, state: "CLOSE" });
		this.#known = open;
		return { open: [...open.values()], ended };
	}

	#begin(flow: FlowRecord): UdpConnection {
		const { transport, family, direction, local_address, remote_address } = flow;
		const pid = flow.last_pid;
		const started = flow[LAST_STARTED] ?? 0;
		const details = pid === null ? null : this.#detailsOf(pid, flow.process, started);
		return {
			...{ id: `udp-${++this.#begun}`, transport, family, direction, state: "ESTABLISHED" },
			...{ local_address, local_port: flow.local_port ?? 0 },
			...{ remote_address, remote_port: flow.remote_port },
			...{ pid, tid: null, process: flow.process, executable: details?.executable ?? null },
			...{ command_line: details?.commandLine ?? null, uid: flow.uid },
			...{ netns: flow.netns, cgroup_id: flow.cgroup_id, container_id: flow.container_id },
			attribution: flow.uid === null ? null : "task",
			...{ opened: null, preexisting: false, duration_ms: null },
			...{ bytes_sent: 0, bytes_received: 0 },
			...{ segments_sent: null, segments_received: null, segments_retransmitted: null },
			...{ rtt_us: null, rtt_var_us: null, rtt_min_us: null, connect_latency_us: null },
			...{ nat: flow.nat, remote_name: flow.remote_name },
		};
	}
}

const grown = (connection: UdpConnection, flow: FlowRecord): UdpConnection => ({
	...connection,
	nat: flow.nat ?? connection.nat,
	remote_name: flow.remote_name ?? connection.remote_name,
	bytes_sent: plus(connection.bytes_sent, flow.bytes_sent),
	bytes_received: plus(connection.bytes_received, flow.bytes_received),
});

function keyOf(flow: Identity): string {
	const { netns, direction, process, cgroup_id, last_pid, uid } = flow;
	const { local_address, local_port, remote_address, remote_port } = flow;
	const ends = [local_address, local_port, remote_address, remote_port];
	return JSON.stringify([netns, direction, process, cgroup_id, last_pid, uid, ...ends]);
}
