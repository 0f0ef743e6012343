/** Which columns, in which order of rows: the defaults, --columns and --sort. */

import type { Aggregate, FlowRecord } from "../flow/records.ts";
import { type Column, findColumn, namedColumns, type Value } from "./column.ts";
import { COLUMNS } from "./columns.ts";

const IDENTITY = ["process", "last_pid", "transport", "local", "direction", "remote"];
const CONNECTIONS = [
	"connections_open",
	"connections_opened",
	"connections_failed",
	"connections_closed",
	"segments_retransmitted",
	"rtt_us",
];
const TERMINAL = [
	...[...IDENTITY, "sent_rate", "received_rate", ...CONNECTIONS],
	...["uid", "container_id"],
];
const PLAIN = [
	...["time", ...IDENTITY, "bytes_sent", "bytes_received", ...CONNECTIONS],
	...["uid", "container_id"],
];
/** What a flow of the key `service` does not have. */
const OF_PROCESSES = ["process", "last_pid", "uid", "container_id"];

/** The fields of a flow record, in the order of the contract; the ports go between. */
const FIELDS_BEFORE_PORTS = [
	...["type", "time", "interval_ms", "transport", "family", "direction"],
	...["local_address", "remote_address", "listen_port"],
] as readonly (keyof FlowRecord)[];
const FIELDS_AFTER_PORTS = [
	...["process", "last_pid", "uid", "netns", "cgroup_id", "container_id"],
	...["connections_opened", "connections_failed", "connections_closed", "connections_open"],
	...["bytes_sent", "bytes_received", "segments_retransmitted", "rtt_us"],
] as readonly (keyof FlowRecord)[];

/** What --sort takes besides columns. */
const THROUGHPUT = "throughput";

export type RowOrder = (a: FlowRecord, b: FlowRecord) => number;

/** `local_port` and `remote_port` stand only in flows that are single connections. */
export function flowFields(aggregate: Aggregate): readonly (keyof FlowRecord)[] {
	const ports = ["local_port", "remote_port"] as const;
	return [
		...FIELDS_BEFORE_PORTS,
		...(aggregate === "connection" ? ports : []),
		...FIELDS_AFTER_PORTS,
	];
}

export function defaultColumns(
	medium: "terminal" | "plain" | "csv",
	aggregate: Aggregate,
): Column<FlowRecord>[] {
	if (medium === "csv") {
		return flowFields(aggregate)
			.filter((field) => field !== "type")
			.map((field) => findColumn(COLUMNS, field, "--columns"));
	}
	const names = medium === "terminal" ? TERMINAL : PLAIN;
	return names
		.filter((name) => aggregate !== "service" || !OF_PROCESSES.includes(name))
		.map((name) => findColumn(COLUMNS, name, "--columns"));
}

/** @throws UsageError */
export function chosenColumns(names: readonly string[]): Column<FlowRecord>[] {
	return namedColumns(COLUMNS, names);
}

/**
 * What --sort names: numbers from the largest, text from A, unknown values last. Null and
 * THROUGHPUT: by bytes sent and received.
 *
 * @throws UsageError
 */
export function rowOrder(field: string | null): RowOrder {
	if (field === null || field.toLowerCase() === THROUGHPUT) {
		return byValue((flow) => flow.bytes_sent + flow.bytes_received);
	}
	const column = findColumn(COLUMNS, field, "--sort", [THROUGHPUT]);
	return byValue((flow) => column.value(flow));
}

/** Rows that are equal otherwise keep their places from one frame to the next. */
function byValue(value: (flow: FlowRecord) => Value): RowOrder {
	return (a, b) =>
		compareValues(value(a), value(b)) ||
		b.connections_open - a.connections_open ||
		compareText(a.process ?? "", b.process ?? "") ||
		compareText(a.remote_address ?? "", b.remote_address ?? "") ||
		compareText(a.local_address, b.local_address) ||
		(a.listen_port ?? 0) - (b.listen_port ?? 0) ||
		(a.local_port ?? 0) - (b.local_port ?? 0) ||
		(a.remote_port ?? 0) - (b.remote_port ?? 0);
}

export function compareValues(a: Value, b: Value): number {
	if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
	if (typeof a === "number" && typeof b === "number") return b - a;
	return compareText(String(a), String(b));
}

function compareText(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}
