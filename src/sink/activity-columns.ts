/** The columns that flows and processes have in common. */

import { perSecond } from "../flow/activity.ts";
import type { Activity, ProcessRecord } from "../flow/records.ts";
import { CORE, type Column, numberColumn, textColumn } from "./column.ts";
import { safeText } from "./text.ts";
import { humanAmount, humanCount, humanMicroseconds } from "./units.ts";

type Owned = Pick<ProcessRecord, "process" | "uid" | "netns" | "cgroup_id" | "container_id">;

export const INTERVAL_COLUMNS: readonly Column<Activity>[] = [
	textColumn("time", "TIME", (a) => a.time, {
		cut: null,
		usualWidth: 30,
		text: (a) => safeText(a.time.replace(/(\.\d{3})\d+Z$/, "$1Z")),
	}),
	numberColumn("interval_ms", "INTERVAL_MS", (a) => a.interval_ms, String),
];

export const PROCESS_COLUMN: Column<Owned> = textColumn("process", "PROCESS", (o) => o.process, {
	maxWidth: 20,
	usualWidth: 15,
	importance: CORE + 3,
	text: (o) => safeText(o.process === null || o.process === "" ? "-" : o.process),
});

export const OWNER_COLUMNS: readonly Column<Owned>[] = [
	numberColumn("uid", "UID", (o) => o.uid, String, { importance: 2 }),
	numberColumn("netns", "NETNS", (o) => o.netns, String, { importance: 1 }),
	textColumn("cgroup_id", "CGROUP", (o) => o.cgroup_id, { alias: "cgroup", align: "right" }),
	textColumn("container_id", "CONTAINER", (o) => o.container_id, {
		alias: "container",
		maxWidth: 13,
		importance: 1,
	}),
];

export const ACTIVITY_COLUMNS: readonly Column<Activity>[] = [
	numberColumn("connections_opened", "NEW", (a) => a.connections_opened, humanCount, {
		alias: "opened",
		importance: 7,
	}),
	numberColumn("connections_failed", "FAIL", (a) => a.connections_failed, humanCount, {
		alias: "failed",
		importance: 6,
	}),
	numberColumn("connections_closed", "CLOSED", (a) => a.connections_closed, humanCount, {
		alias: "closed",
		importance: 3,
	}),
	numberColumn("connections_open", "OPEN", (a) => a.connections_open, humanCount, {
		alias: "open",
		importance: 9,
	}),
	numberColumn("bytes_sent", "SENT", (a) => a.bytes_sent, humanAmount, {
		alias: "sent",
		plainHeader: "SENT_BYTES",
	}),
	numberColumn("bytes_received", "RECV", (a) => a.bytes_received, humanAmount, {
		alias: "received",
		plainHeader: "RECV_BYTES",
	}),
	rateColumn("sent_bytes_per_second", "sent_rate", "SENT", (a) => a.bytes_sent),
	rateColumn("received_bytes_per_second", "received_rate", "RECV", (a) => a.bytes_received),
	numberColumn("segments_retransmitted", "RETR", (a) => a.segments_retransmitted, humanCount, {
		alias: "retrans",
		importance: 5,
	}),
	numberColumn("rtt_us", "RTT", (a) => a.rtt_us, humanMicroseconds, {
		alias: "rtt",
		plainHeader: "RTT_US",
		importance: 4,
	}),
];

function rateColumn(
	name: string,
	alias: string,
	header: string,
	bytes: (activity: Activity) => number | null,
): Column<Activity> {
	return numberColumn(name, `${header}/s`, (a) => perSecond(bytes(a), a.interval_ms), humanAmount, {
		alias,
		plainHeader: `${header}_BYTES/s`,
		importance: CORE + 2,
	});
}
