/** Flows as rows: what is shown of them where nothing is said, and what their record has. */

import type { Aggregate, FlowRecord } from "../flow/records.ts";
import { COLUMNS } from "./columns.ts";
import {
	LOCAL_NAMES,
	NO_NAMES,
	OWNER_NAMES,
	ownerNameColumns,
	serviceColumn,
} from "./local-names.ts";
import { compareText, type RowKind } from "./row-kind.ts";

const IDENTITY = ["process", "last_pid", "transport", "local", "direction", "remote"];
const CONNECTIONS = [
	"connections_open",
	"connections_opened",
	"connections_failed",
	"connections_closed",
	"segments_retransmitted",
	"rtt_us",
];
const RATES = ["sent_bytes_per_second", "received_bytes_per_second"];
const OWNER = ["uid", "container_id"];
const TERMINAL = [...IDENTITY, ...RATES, ...CONNECTIONS, ...OWNER];
const PLAIN = ["time", ...IDENTITY, "bytes_sent", "bytes_received", ...CONNECTIONS, ...OWNER];
/** What a flow of the key `service` does not have. */
const OF_PROCESSES = ["process", "last_pid", "uid", "container_id", ...OWNER_NAMES];

/** The fields of a flow record, in the order of the contract; the ports go between. */
const FIELDS_BEFORE_PORTS = [
	...["type", "time", "interval_ms", "transport", "family", "direction"],
	...["local_address", "remote_address", "listen_port"],
];
const FIELDS_AFTER_PORTS = [
	...["process", "last_pid", "uid", "netns", "cgroup_id", "container_id"],
	...["connections_opened", "connections_failed", "connections_closed", "connections_open"],
	...["bytes_sent", "bytes_received", "segments_retransmitted", "rtt_us", "nat"],
];

export function flowKind(aggregate: Aggregate, names = NO_NAMES): RowKind<FlowRecord> {
	const isShown = (name: string): boolean =>
		aggregate !== "service" || !OF_PROCESSES.includes(name);
	return {
		columns: [
			...COLUMNS,
			...ownerNameColumns(names),
			serviceColumn(names, ({ listen_port }: FlowRecord) => listen_port),
		],
		terminal: TERMINAL.filter(isShown),
		plain: PLAIN.filter(isShown),
		wide: LOCAL_NAMES.filter(isShown),
		fields: flowFields(aggregate),
		noun: ["flow", "flows"],
		tie: byIdentity,
	};
}

/** `local_port` and `remote_port` stand only in flows that are single connections. */
function flowFields(aggregate: Aggregate): readonly string[] {
	const ports = aggregate === "connection" ? ["local_port", "remote_port"] : [];
	return [...FIELDS_BEFORE_PORTS, ...ports, ...FIELDS_AFTER_PORTS];
}

function byIdentity(a: FlowRecord, b: FlowRecord): number {
	return (
		compareText(a.process ?? "", b.process ?? "") ||
		compareText(a.remote_address ?? "", b.remote_address ?? "") ||
		compareText(a.local_address, b.local_address) ||
		(a.listen_port ?? 0) - (b.listen_port ?? 0) ||
		(a.local_port ?? 0) - (b.local_port ?? 0) ||
		(a.remote_port ?? 0) - (b.remote_port ?? 0)
	);
}
