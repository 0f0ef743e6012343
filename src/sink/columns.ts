/** The columns of a flow row, as data: names, headers, widths, and what stands in a cell. */

import type { FlowRecord } from "../flow/records.ts";
import {
	ADDRESS,
	ARROWS,
	CORE,
	type Column,
	endpoint,
	numberColumn,
	textColumn,
} from "./column.ts";
import { safeText } from "./text.ts";
import { humanAmount, humanCount, humanMicroseconds } from "./units.ts";

function local(flow: FlowRecord): string {
	const listening = flow.direction === "passive" ? flow.listen_port : null;
	return endpoint(flow.local_address, flow.local_port ?? listening);
}

function remote(flow: FlowRecord): string | null {
	if (flow.remote_address === null) return null;
	const listening = flow.direction === "active" ? flow.listen_port : null;
	return endpoint(flow.remote_address, flow.remote_port ?? listening);
}

/** To a thousandth: an interval can be long. */
function perSecond(bytes: number, flow: FlowRecord): number {
	return flow.interval_ms > 0 ? Math.round((bytes * 1e6) / flow.interval_ms) / 1000 : 0;
}

export const COLUMNS: readonly Column<FlowRecord>[] = [
	textColumn("time", "TIME", (f) => f.time, {
		cut: null,
		usualWidth: 30,
		text: (f) => safeText(f.time.replace(/(\.\d{3})\d+Z$/, "$1Z")),
	}),
	numberColumn("interval_ms", "INTERVAL_MS", (f) => f.interval_ms, String),
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
	textColumn("process", "PROCESS", (f) => f.process, {
		maxWidth: 20,
		usualWidth: 15,
		importance: CORE + 3,
		text: (f) => safeText(f.process === null || f.process === "" ? "-" : f.process),
	}),
	numberColumn("last_pid", "PID", (f) => f.last_pid, String, {
		alias: "pid",
		usualWidth: 7,
		importance: 8,
	}),
	numberColumn("uid", "UID", (f) => f.uid, String, { importance: 2 }),
	numberColumn("netns", "NETNS", (f) => f.netns, String, { importance: 1 }),
	textColumn("cgroup_id", "CGROUP", (f) => f.cgroup_id, { alias: "cgroup", align: "right" }),
	textColumn("container_id", "CONTAINER", (f) => f.container_id, {
		alias: "container",
		maxWidth: 13,
		importance: 1,
	}),
	numberColumn("connections_opened", "NEW", (f) => f.connections_opened, humanCount, {
		alias: "opened",
		importance: 7,
	}),
	numberColumn("connections_failed", "FAIL", (f) => f.connections_failed, humanCount, {
		alias: "failed",
		importance: 6,
	}),
	numberColumn("connections_closed", "CLOSED", (f) => f.connections_closed, humanCount, {
		alias: "closed",
		importance: 3,
	}),
	numberColumn("connections_open", "OPEN", (f) => f.connections_open, humanCount, {
		alias: "open",
		importance: 9,
	}),
	numberColumn("bytes_sent", "SENT", (f) => f.bytes_sent, humanAmount, {
		alias: "sent",
		plainHeader: "SENT_BYTES",
	}),
	numberColumn("bytes_received", "RECV", (f) => f.bytes_received, humanAmount, {
		alias: "received",
		plainHeader: "RECV_BYTES",
	}),
	numberColumn("sent_rate", "SENT/s", (f) => perSecond(f.bytes_sent, f), humanAmount, {
		plainHeader: "SENT_BYTES/s",
		importance: CORE + 2,
	}),
	numberColumn("received_rate", "RECV/s", (f) => perSecond(f.bytes_received, f), humanAmount, {
		plainHeader: "RECV_BYTES/s",
		importance: CORE + 2,
	}),
	numberColumn("segments_retransmitted", "RETR", (f) => f.segments_retransmitted, humanCount, {
		alias: "retrans",
		importance: 5,
	}),
	numberColumn("rtt_us", "RTT", (f) => f.rtt_us, humanMicroseconds, {
		alias: "rtt",
		plainHeader: "RTT_US",
		importance: 4,
	}),
];
