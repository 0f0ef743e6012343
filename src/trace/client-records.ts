/** What clients of a tracer are told, and how it fares. */

import type { ClientAnswer } from "../flow/client-answers.ts";
import type { ConnectionCounters } from "../flow/connection-counters.ts";
import type { ProbeStats } from "../flow/probe-stats.ts";
import type {
	ConnectionFields,
	EventRecord,
	FlowRecord,
	ReadyRecord,
	SummaryRecord,
} from "../flow/records.ts";

/** A connection; `error` and `close_reason` are null as long as it is open. UDP has no segments. */
export type ClientConnection = Omit<ConnectionFields, keyof ConnectionCounters> &
	ConnectionCounters &
	Pick<EventRecord, "error" | "close_reason">;

/** What a client is told. */
export type ClientConnections = ClientAnswer<ClientConnection>;

/** The same, added up by flows. */
export interface ClientFlows extends Omit<ClientConnections, "connections"> {
	readonly flows: readonly FlowRecord[];
}

/** What the programs of a tracer for clients did and cost, and how full its tables are. */
export interface ServiceProbes {
	readonly tcp: Probes;
	/** Null where UDP is not traced. */
	readonly udp: Probes | null;
}

type Probes = Omit<ProbeStats, "time">;

/** How a tracer for clients fares. */
export interface ServiceStats extends Pick<ReadyRecord, "version" | "kernel" | "hooks"> {
	readonly uptime_ms: number;
	/** That are known now. */
	readonly clients: number;
	/** Of events, now. */
	readonly readers: number;
	/** Totals of a connection that were smaller than before, and counted from 0. */
	readonly resets: number;
	/** Since the start. */
	readonly lost: SummaryRecord["lost"];
	readonly cpu_ms: number;
	readonly peak_memory_bytes: number;
}
