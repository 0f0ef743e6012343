/** The columns of an event, as data; and which of them are shown when nothing else is said. */

import type { EventRecord } from "../flow/records.ts";
import {
	ADDRESS,
	ARROWS,
	CORE,
	type Column,
	endpoint,
	findColumn,
	namedColumns,
	numberColumn,
	type Rules,
	textColumn,
} from "./column.ts";
import {
	type ColumnChoice,
	LOCAL_NAMES,
	listenPortOf,
	NO_NAMES,
	ownerNameColumns,
	serviceColumn,
} from "./local-names.ts";
import { natText } from "./nat-text.ts";
import { safeText } from "./text.ts";
import { humanAmount, humanCount, humanMicroseconds } from "./units.ts";

const TABLE = [
	...["time", "event", "process", "pid", "local", "direction", "remote", "why"],
	...["duration_ms", "bytes_sent", "bytes_received", "rtt_us"],
];
/** No fields of the record, and so not in CSV unless asked for. */
const JOINED = ["local", "remote", "why"];

const ENDPOINT: Rules<EventRecord> = { ...ADDRESS, maxWidth: 47, importance: CORE + 4 };
const NUMBER_WIDTH = { usualWidth: 6 };

/** An attempt that failed, or a connection that ended with an error. */
export function isFailure({ event, error }: EventRecord): boolean {
	return event === "connect_failed" || (event === "close" && error !== null);
}

/** Why it failed, or else why it ended. */
function why({ error, close_reason }: EventRecord): string | null {
	return error ?? close_reason;
}

function local({ local_address, local_port }: EventRecord): string {
	return endpoint(local_address, local_port);
}

function remote({ remote_address, remote_port }: EventRecord): string | null {
	return remote_address === null ? null : endpoint(remote_address, remote_port);
}

const EVENT_COLUMNS: readonly Column<EventRecord>[] = [
	textColumn("time", "TIME", (e) => e.time, {
		cut: null,
		usualWidth: 12,
		importance: 9,
		text: (e) => safeText(e.time.slice(11, 23)),
	}),
	textColumn("event", "EVENT", (e) => e.event, {
		cut: null,
		usualWidth: 14,
		importance: CORE + 5,
	}),
	textColumn("id", "ID", (e) => e.id, { align: "right", usualWidth: 8 }),
	textColumn("transport", "PROTO", (e) => e.transport, { cut: null, usualWidth: 5 }),
	textColumn("family", "FAMILY", (e) => e.family, { cut: null, usualWidth: 6 }),
	textColumn("direction", "DIR", (e) => e.direction, {
		alias: "dir",
		cut: null,
		usualWidth: 3,
		importance: CORE,
		text: (e) => (e.direction === null ? "-" : ARROWS[e.direction]),
	}),
	textColumn("state", "STATE", (e) => e.state, { usualWidth: 11 }),
	textColumn("local", "LOCAL", local, ENDPOINT),
	textColumn("local_address", "LOCAL_ADDRESS", (e) => e.local_address, ENDPOINT),
	numberColumn("local_port", "LOCAL_PORT", (e) => e.local_port, String),
	textColumn("remote", "REMOTE", remote, ENDPOINT),
	textColumn("remote_address", "REMOTE_ADDRESS", (e) => e.remote_address, ENDPOINT),
	numberColumn("remote_port", "REMOTE_PORT", (e) => e.remote_port, String),
	numberColumn("pid", "PID", (e) => e.pid, String, { usualWidth: 7, importance: 8 }),
	numberColumn("tid", "TID", (e) => e.tid, String, { usualWidth: 7 }),
	textColumn("process", "PROCESS", (e) => e.process, {
		usualWidth: 15,
		maxWidth: 15,
		importance: CORE + 3,
		text: (e) => safeText(e.process === null || e.process === "" ? "-" : e.process),
	}),
	textColumn("executable", "EXECUTABLE", (e) => e.executable, { usualWidth: 20 }),
	textColumn("command_line", "COMMAND", (e) => e.command_line, { usualWidth: 30 }),
	numberColumn("uid", "UID", (e) => e.uid, String, NUMBER_WIDTH),
	numberColumn("netns", "NETNS", (e) => e.netns, String, { usualWidth: 10 }),
	textColumn("cgroup_id", "CGROUP", (e) => e.cgroup_id, { alias: "cgroup", align: "right" }),
	textColumn("container_id", "CONTAINER", (e) => e.container_id, {
		alias: "container",
		usualWidth: 13,
	}),
	textColumn("attribution", "KNOWN_BY", (e) => e.attribution, { cut: null, usualWidth: 8 }),
	textColumn("opened", "OPENED", (e) => e.opened, { cut: null, usualWidth: 30 }),
	textColumn("preexisting", "BEFORE", (e) => String(e.preexisting), {
		cut: null,
		usualWidth: 6,
	}),
	numberColumn(
		"duration_ms",
		"DURATION",
		(e) => e.duration_ms,
		(ms) => humanMicroseconds(ms * 1000),
		{
			alias: "duration",
			plainHeader: "DURATION_MS",
			usualWidth: 8,
			importance: 4,
		},
	),
	numberColumn("bytes_sent", "SENT", (e) => e.bytes_sent, humanAmount, {
		...NUMBER_WIDTH,
		alias: "sent",
		plainHeader: "SENT_BYTES",
		importance: 7,
	}),
	numberColumn("bytes_received", "RECV", (e) => e.bytes_received, humanAmount, {
		...NUMBER_WIDTH,
		alias: "received",
		plainHeader: "RECV_BYTES",
		importance: 7,
	}),
	numberColumn("segments_sent", "SEGS_OUT", (e) => e.segments_sent, humanCount),
	numberColumn("segments_received", "SEGS_IN", (e) => e.segments_received, humanCount),
	numberColumn("segments_retransmitted", "RETR", (e) => e.segments_retransmitted, humanCount, {
		alias: "retrans",
	}),
	microseconds("rtt_us", "RTT", (e) => e.rtt_us, { alias: "rtt", importance: 3 }),
	microseconds("rtt_var_us", "RTTVAR", (e) => e.rtt_var_us),
	microseconds("rtt_min_us", "RTTMIN", (e) => e.rtt_min_us),
	microseconds("connect_latency_us", "LATENCY", (e) => e.connect_latency_us, { alias: "latency" }),
	textColumn("nat", "NAT", (e) => natText(e.nat), { ...ADDRESS, usualWidth: 10, importance: 3 }),
	textColumn("remote_name", "REMOTE_NAME", (e) => e.remote_name, { usualWidth: 20 }),
	numberColumn("cpu", "CPU", (e) => e.cpu, String),
	textColumn("error", "ERROR", (e) => e.error, { usualWidth: 12, minWidth: 12 }),
	textColumn("close_reason", "REASON", (e) => e.close_reason, {
		alias: "reason",
		usualWidth: 14,
		minWidth: 12,
	}),
	textColumn("why", "WHY", why, { usualWidth: 14, minWidth: 12, importance: CORE + 2 }),
];

function microseconds(
	name: string,
	header: string,
	value: (event: EventRecord) => number | null,
	rules: Rules<EventRecord> = {},
): Column<EventRecord> {
	const base = { ...NUMBER_WIDTH, plainHeader: `${header}_US` };
	return numberColumn(name, header, value, humanMicroseconds, { ...base, ...rules });
}

/**
 * What is chosen, or what suits the format. CSV has every field of the record.
 *
 * @throws UsageError for a column that does not exist
 */
export function eventColumns({
	columns: chosen,
	format,
	wide,
	names = NO_NAMES,
}: ColumnChoice): readonly Column<EventRecord>[] {
	const all: readonly Column<EventRecord>[] = [
		...EVENT_COLUMNS,
		...ownerNameColumns(names),
		serviceColumn(names, listenPortOf),
	];
	if (chosen !== null) return namedColumns(all, chosen);
	if (format === "csv") return EVENT_COLUMNS.filter(({ name }) => !JOINED.includes(name));
	const shown = wide && format === "terminal" ? [...TABLE, ...LOCAL_NAMES] : TABLE;
	return shown.map((name) => findColumn(all, name, "--columns"));
}
