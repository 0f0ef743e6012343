/** What `top` shows: processes, or single connections with their rates. */

import type { FlowRecord, ProcessRecord, Rates } from "../flow/records.ts";
import {
	ACTIVITY_COLUMNS,
	INTERVAL_COLUMNS,
	OWNER_COLUMNS,
	PROCESS_COLUMN,
} from "./activity-columns.ts";
import { CORE, type Column, numberColumn } from "./column.ts";
import { flowKind } from "./flow-kind.ts";
import { NO_NAMES, OWNER_NAMES, ownerNameColumns } from "./local-names.ts";
import { compareText, type RowKind } from "./row-kind.ts";

const RATES = ["sent_bytes_per_second", "received_bytes_per_second"];
const OWNER = ["uid", "container_id"];
const PROCESS_SHOWN = [
	...["process", "pid", ...RATES, "connections_open", "connections_opened"],
	...["connections_failed", "connections_closed", "segments_retransmitted", "rtt_us", ...OWNER],
];
const CONNECTION_SHOWN = [
	...["process", "last_pid", "transport", "local", "direction", "remote", ...RATES],
	...["connections_open", "segments_retransmitted", "rtt_us", ...OWNER],
];

/** What it is all about says its unit. */
function withUnit<Row>(column: Column<Row>): Column<Row> {
	const { name, header } = column;
	return RATES.includes(name) ? { ...column, header: header.replace("/s", " B/s") } : column;
}

export const processKind = (names = NO_NAMES): RowKind<ProcessRecord> => ({
	columns: [
		...INTERVAL_COLUMNS,
		numberColumn("pid", "PID", (p) => p.pid, String, { usualWidth: 7, importance: CORE + 1 }),
		PROCESS_COLUMN,
		...OWNER_COLUMNS,
		...ACTIVITY_COLUMNS.map(withUnit),
		...ownerNameColumns(names),
	],
	terminal: PROCESS_SHOWN,
	plain: ["time", ...PROCESS_SHOWN],
	wide: OWNER_NAMES,
	fields: [
		...["type", "time", "interval_ms", "pid", "process", "uid", "netns"],
		...["cgroup_id", "container_id", "connections_opened", "connections_failed"],
		...["connections_closed", "connections_open", "bytes_sent", "bytes_received"],
		...[...RATES, "segments_retransmitted", "rtt_us"],
	],
	noun: ["process", "processes"],
	tie: (a, b) => compareText(a.process ?? "", b.process ?? "") || (a.pid ?? 0) - (b.pid ?? 0),
});

export function connectionKind(names = NO_NAMES): RowKind<FlowRecord & Rates> {
	const single = flowKind("connection", names);
	return {
		...single,
		columns: single.columns.map(withUnit),
		terminal: CONNECTION_SHOWN,
		plain: ["time", ...CONNECTION_SHOWN],
		fields: single.fields.flatMap((name) =>
			name === "bytes_received" ? [name, ...RATES] : [name],
		),
		noun: ["connection", "connections"],
	};
}
