/** The columns of a flow row, as data: names, headers, widths, and what stands in a cell. */

import type { FlowRecord } from "../flow/records.ts";
import {
	ACTIVITY_COLUMNS,
	INTERVAL_COLUMNS,
	OWNER_COLUMNS,
	PROCESS_COLUMN,
} from "./activity-columns.ts";
import {
	ADDRESS,
	ARROWS,
	CORE,
	type Column,
	endpoint,
	numberColumn,
	REMOTE_NAME,
	textColumn,
} from "./column.ts";
import { natText } from "./nat-text.ts";

function local(flow: FlowRecord): string {
	const listening = flow.direction === "passive" ? flow.listen_port : null;
	return endpoint(flow.local_address, flow.local_port ?? listening);
}

function remote(flow: FlowRecord): string | null {
	if (flow.remote_address === null) return null;
	const listening = flow.direction === "active" ? flow.listen_port : null;
	return endpoint(flow.remote_address, flow.remote_port ?? listening);
}

export const COLUMNS: readonly Column<FlowRecord>[] = [
	...INTERVAL_COLUMNS,
	textColumn("transport", "PROTO", (f) => f.transport, { cut: null, importance: 4.5 }),
	textColumn("family", "FAMILY", (f) => f.family, { cut: null }),
	textColumn("direction", "DIR", (f) => f.direction, {
		alias: "dir",
		cut: null,
		importance: CORE,
		text: (f) => (f.direction === null ? "-" : ARROWS[f.direction]),
	}),
	textColumn("local", "LOCAL", local, { ...ADDRESS, importance: CORE + 1 }),
	textColumn("remote", "REMOTE", remote, { ...ADDRESS, importance: CORE + 4 }),
	textColumn("local_address", "LOCAL_ADDRESS", (f) => f.local_address, ADDRESS),
	textColumn("remote_address", "REMOTE_ADDRESS", (f) => f.remote_address, ADDRESS),
	numberColumn("listen_port", "PORT", (f) => f.listen_port, String, { alias: "port" }),
	numberColumn("local_port", "LOCAL_PORT", (f) => f.local_port, String),
	numberColumn("remote_port", "REMOTE_PORT", (f) => f.remote_port, String),
	PROCESS_COLUMN,
	numberColumn("last_pid", "PID", (f) => f.last_pid, String, {
		alias: "pid",
		usualWidth: 7,
		importance: 8,
	}),
	...OWNER_COLUMNS,
	...ACTIVITY_COLUMNS,
	textColumn("nat", "NAT", (f) => natText(f.nat), { ...ADDRESS, usualWidth: 10, importance: 3 }),
	REMOTE_NAME,
];
