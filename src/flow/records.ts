/**
 * The public records, named and typed as they stand in a JSON line.
 * An unknown value is null. `time` is ISO 8601 in UTC with nanoseconds.
 */

/** The protocol above IP. */
export type Transport = "tcp" | "udp";
/** IPv4-mapped IPv6 addresses are `ipv4`. */
export type Family = "ipv4" | "ipv6";
/** `active`: this side sent the SYN; `passive`: it listened; null: not known. */
export type Direction = "active" | "passive" | null;
/**
 * What is one flow. `service`: addresses, the port that listens, direction, transport and network
 * namespace; `process`: that, process name and cgroup; `connection`: that and both ports.
 */
export type Aggregate = "process" | "service" | "connection";

/** What tells one flow from another. Text is raw: a sink makes it safe for its medium. */
export interface FlowIdentity {
	readonly transport: Transport;
	readonly family: Family;
	readonly direction: Direction;
	/** RFC 5952; IPv4-mapped addresses as IPv4. */
	readonly local_address: string;
	/** Null for datagrams of a UDP socket whose program did not ask whom they came from. */
	readonly remote_address: string | null;
	/** Null where the port is ephemeral and left out of the flow. */
	readonly local_port: number | null;
	readonly remote_port: number | null;
	/** The port of the side that listens. */
	readonly listen_port: number | null;
	/** The name of the process (of its main thread, 15 bytes at most). */
	readonly process: string | null;
	/** Inode number of the network namespace. */
	readonly netns: number;
	/** cgroup v2 id, a 64-bit number in decimal. */
	readonly cgroup_id: string | null;
	readonly container_id: string | null;
}

/** What happened in one interval. Counts are for the interval; `connections_open` is at its end. */
export interface Activity {
	readonly time: string;
	readonly interval_ms: number;
	readonly connections_opened: number;
	readonly connections_failed: number;
	readonly connections_closed: number;
	readonly connections_open: number;
	readonly bytes_sent: number | null;
	readonly bytes_received: number | null;
	readonly segments_retransmitted: number;
	/** Mean of the smoothed RTTs of the connections that moved data or ended; null if none did. */
	readonly rtt_us: number | null;
}

/** Of the interval as it was measured. */
export interface Rates {
	readonly sent_bytes_per_second: number | null;
	readonly received_bytes_per_second: number | null;
}

/** Container of a cgroup, or null: by its v2 id, and by that in the hierarchy of v1 which the kernel side looks at (0: none). */
export type ContainerOf = (cgroupId: string, cgroupV1?: number) => string | null;

/** When the process of `last_pid` started, in ticks of /proc/PID/stat: to tell it from others. No sink shows it. */
export const LAST_STARTED: unique symbol = Symbol("last_started");

/** One flow in one interval. */
export interface FlowRecord extends FlowIdentity, Activity {
	readonly type: "flow";
	readonly last_pid: number | null;
	readonly [LAST_STARTED]?: number;
	readonly uid: number | null;
	readonly nat: Translation | null;
	/** Under which somebody has asked DNS for `remote_address`, the last one; null where nobody did, or names are not asked for. */
	readonly remote_name: string | null;
}

/** One process in one interval: what its flows add up to. Pid null: it is not known, so that processes of one name, cgroup and user are one. */
export interface ProcessRecord extends Activity, Rates {
	readonly type: "process";
	readonly pid: number | null;
	/** Its names and users are those of the flow in which most moved, where there are several. */
	readonly process: string | null;
	readonly uid: number | null;
	/** Null where it has sockets in several. */
	readonly netns: number | null;
	readonly cgroup_id: string | null;
	readonly container_id: string | null;
}

/** The hooks are attached: nothing after this is missed. */
export interface ReadyRecord {
	readonly type: "ready";
	readonly time: string;
	readonly version: string;
	readonly kernel: string;
	/** For example "1.1 (system)" or "1.1 (bundled)"; null where none is used. */
	readonly libbpf: string | null;
	/** Feature → how it is hooked. */
	readonly hooks: Readonly<Record<string, string>>;
	readonly programs: readonly string[];
	/** Connections that were open before the start, and are counted from now on. */
	readonly open_connections: number;
}

/** Where something was lost. */
export type LossStage =
	| "connection_table"
	| "flow_table"
	| "listener_table"
	| "netns_table"
	| "ring_buffer"
	| "queue"
	| "udp_table"
	| "connection_end"
	| "conntrack_table"
	| "dns_table"
	| "dns_message"
	| "dns_unasked"
	| "namespace"
	| "program";

/** What is not in a record is in a gap. */
export interface GapRecord {
	readonly type: "gap";
	readonly from: string;
	readonly to: string;
	readonly stage: LossStage;
	/** Connections (program: runs of a BPF program that the kernel skipped; udp_table: datagrams; conntrack_table: packets; dns_table, dns_message, dns_unasked: messages; namespace: network namespaces). */
	readonly count: number;
	/** What to do about it, where something can be done. */
	readonly hint: string | null;
}

/** The counters of RFC 2012, as in the Tcp line of /proc/net/snmp. */
export interface TcpCounts {
	readonly active_opens: number;
	readonly passive_opens: number;
	readonly attempt_fails: number;
	readonly estab_resets: number;
}

/** What a run has seen, what it has missed, and what it has cost. */
export interface SummaryRecord {
	readonly type: "summary";
	readonly time: string;
	readonly duration_ms: number;
	/** What was recorded in the network namespaces that `kernel` speaks of. */
	readonly seen: TcpCounts | null;
	/** What the kernel's own counters say happened meanwhile. Null, as `seen`, where no TCP is traced. */
	readonly kernel: TcpCounts | null;
	/** Recorded in network namespaces that were gone at the end, so nothing to compare with. */
	readonly unverified: TcpCounts;
	readonly lost: Readonly<Record<LossStage, number>>;
	readonly self: {
		/** User and system time of this process. */
		readonly cpu_ms: number;
		readonly peak_memory_bytes: number;
		/** Null unless the kernel counts them (sysctl kernel.bpf_stats_enabled, or --verbose). */
		readonly bpf_runs: number | null;
		readonly bpf_ns: number | null;
	};
}

/** How the process of a connection is known. */
export type Attribution = "task" | "listener" | "scan" | null;

/** What can happen to a connection. `connect` and `accept`: it is established. */
export type EventName =
	| "connect"
	| "connect_failed"
	| "accept"
	| "close"
	| "listen"
	| "unlisten"
	| "retransmit"
	| "reset_sent"
	| "reset_received";

/** `local`, `remote`: who sent the first FIN. */
export type CloseReason = "local" | "remote" | "reset_sent" | "reset_received" | "timeout";

/** The two ends of a flow, its first packet's source first. Ports are null where there are none. */
export interface FlowEnds {
	readonly source_address: string;
	readonly source_port: number | null;
	readonly destination_address: string;
	readonly destination_port: number | null;
}

/**
 * The ends behind network address translation. On the side that opened the connection: what the
 * other side sees, and who it is. On that side: who opened it, and what it wanted to reach. Of a
 * flow of several connections: null where they differ.
 */
export type Translation = { readonly [Name in keyof FlowEnds]: FlowEnds[Name] | null };

/** A single connection, as one of its sockets sees it. */
export interface ConnectionFields {
	/** The same in every record of one connection, and never given twice in a run. */
	readonly id: string;
	readonly transport: Transport;
	readonly family: Family;
	readonly direction: Direction;
	/** The kernel's name: `ESTABLISHED`, … */
	readonly state: string;
	readonly local_address: string;
	readonly local_port: number;
	readonly remote_address: string | null;
	readonly remote_port: number | null;
	readonly pid: number | null;
	readonly tid: number | null;
	readonly process: string | null;
	readonly executable: string | null;
	readonly command_line: string | null;
	readonly uid: number | null;
	readonly netns: number;
	readonly cgroup_id: string | null;
	readonly container_id: string | null;
	readonly attribution: Attribution;
	/** When connect() was called or the handshake came; null if before the start. */
	readonly opened: string | null;
	/** It was open before the start. */
	readonly preexisting: boolean;
	/** Of a `close`: since `opened`. */
	readonly duration_ms: number | null;
	/** Payload that the program sent: no header, SYN, FIN or retransmission. */
	readonly bytes_sent: number | null;
	/** Payload that the program received; peeked bytes once. */
	readonly bytes_received: number | null;
	readonly segments_sent: number;
	readonly segments_received: number;
	readonly segments_retransmitted: number;
	/** Smoothed round trip time, microseconds; null if never measured. */
	readonly rtt_us: number | null;
	readonly rtt_var_us: number | null;
	readonly rtt_min_us: number | null;
	/** From the SYN to the established connection, of an active one. */
	readonly connect_latency_us: number | null;
	/** Null where nothing is translated, or nothing is known of it (`hooks` of ReadyRecord). */
	readonly nat: Translation | null;
	/** Under which somebody has asked DNS for `remote_address`, the last one before this was opened; null where nobody did, or names are not asked for. */
	readonly remote_name: string | null;
}

/** One thing that happened to a connection. */
export interface EventRecord extends ConnectionFields {
	readonly type: "event";
	readonly time: string;
	readonly cpu: number;
	readonly event: EventName;
	/** The name of an errno. */
	readonly error: string | null;
	readonly close_reason: CloseReason | null;
}

/**
 * A flow as conntrack has counted it so far. Packets and bytes are IP's, headers included; null where
 * it does not count (sysctl net.netfilter.nf_conntrack_acct), and the bytes of a first packet where
 * that alone is reported.
 */
export interface AccountingRecord {
	readonly type: "accounting";
	readonly time: string;
	/** `destroy`: it is over, these are the last counters. */
	readonly event: "update" | "destroy";
	/** The same in every record of one flow. */
	readonly flow_id: string;
	/** When its first packet came; null where nobody knows. */
	readonly started: string | null;
	/** `tcp`, `udp`, `icmp`, …; the number of a protocol without a name. */
	readonly transport: string;
	/** Whose first packet it was, and where it was sent. */
	readonly source_address: string;
	readonly source_port: number | null;
	readonly destination_address: string;
	readonly destination_port: number | null;
	readonly packets_original: number | null;
	readonly bytes_original: number | null;
	readonly packets_reply: number | null;
	readonly bytes_reply: number | null;
	readonly connection_mark: number;
	/** Inode number of the network namespace. */
	readonly netns: number;
	/** What the destination sees, and who it is. Null where nothing is translated. */
	readonly nat: FlowEnds | null;
	readonly pid: number | null;
	readonly process: string | null;
}

/** What was reported since the batch before, and what was lost. */
export interface AccountingBatch {
	readonly records: readonly AccountingRecord[];
	readonly gaps: readonly GapRecord[];
}

/** Events in time order, and what was lost since the batch before. */
export interface EventBatch {
	readonly events: readonly EventRecord[];
	readonly gaps: readonly GapRecord[];
}

/** All flows of one interval, and what was lost in it. */
export interface FlowBatch {
	readonly time: string;
	readonly interval_ms: number;
	readonly flows: readonly FlowRecord[];
	readonly gaps: readonly GapRecord[];
}
