/** The columns of an open connection, as data; and which of them are shown when nothing is said. */

import type { ConnectionRecord } from "../flow/connection.ts";
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
	type LocalNames,
	listenPortOf,
	NO_NAMES,
	ownerNameColumns,
	serviceColumn,
} from "./local-names.ts";
import { natText } from "./nat-text.ts";
import { compareValues } from "./row-kind.ts";
import { safeText } from "./text.ts";
import { humanAmount, humanCount, humanMicroseconds } from "./units.ts";

type Order = (a: ConnectionRecord, b: ConnectionRecord) => number;

const TABLE = [
	...["transport", "state", "process", "pid", "fd", "local", "direction", "remote"],
	...["bytes_sent", "bytes_received", "segments_retransmitted", "rtt_us", "uid", "container_id"],
];
/** Of the record, CSV has what is a field of it. */
const JOINED = ["local", "remote"];

const ENDPOINT: Rules<ConnectionRecord> = { ...ADDRESS, maxWidth: 47, importance: CORE + 4 };

function remote({ remote_address, remote_port }: ConnectionRecord): string | null {
	return remote_address === null ? null : endpoint(remote_address, remote_port);
}

/** "12:3;14:3": process id and fd of each. */
function holders(connection: ConnectionRecord): string | null {
	const texts = connection.holders.map(({ pid, fd }) => `${pid}:${fd}`);
	return texts.length === 0 ? null : texts.join(";");
}

function microseconds(
	name: string,
	header: string,
	value: (connection: ConnectionRecord) => number | null,
	rules: Rules<ConnectionRecord> = {},
): Column<ConnectionRecord> {
	return numberColumn(name, header, value, humanMicroseconds, {
		plainHeader: `${header}_US`,
		...rules,
	});
}

/** In the order of the contract. */
const COLUMNS: readonly Column<ConnectionRecord>[] = [
	textColumn("id", "ID", (c) => c.id, { align: "right" }),
	textColumn("transport", "PROTO", (c) => c.transport, { cut: null, importance: 7 }),
	textColumn("family", "FAMILY", (c) => c.family, { cut: null }),
	textColumn("direction", "DIR", (c) => c.direction, {
		alias: "dir",
		cut: null,
		importance: CORE,
		text: (c) => (c.direction === null ? "-" : ARROWS[c.direction]),
	}),
	textColumn("state", "STATE", (c) => c.state, { cut: null, importance: 9 }),
	textColumn("local", "LOCAL", (c) => endpoint(c.local_address, c.local_port), ENDPOINT),
	textColumn("local_address", "LOCAL_ADDRESS", (c) => c.local_address, ENDPOINT),
	numberColumn("local_port", "LOCAL_PORT", (c) => c.local_port, String),
	textColumn("remote", "REMOTE", remote, ENDPOINT),
	textColumn("remote_address", "REMOTE_ADDRESS", (c) => c.remote_address, ENDPOINT),
	numberColumn("remote_port", "REMOTE_PORT", (c) => c.remote_port, String),
	numberColumn("pid", "PID", (c) => c.pid, String, { importance: 8 }),
	numberColumn("tid", "TID", (c) => c.tid, String),
	textColumn("process", "PROCESS", (c) => c.process, {
		maxWidth: 20,
		importance: CORE + 3,
		text: (c) => safeText(c.process === null || c.process === "" ? "-" : c.process),
	}),
	textColumn("executable", "EXECUTABLE", (c) => c.executable),
	textColumn("command_line", "COMMAND", (c) => c.command_line, { alias: "command" }),
	numberColumn("uid", "UID", (c) => c.uid, String, { importance: 2 }),
	numberColumn("netns", "NETNS", (c) => c.netns, String),
	textColumn("cgroup_id", "CGROUP", (c) => c.cgroup_id, { alias: "cgroup", align: "right" }),
	textColumn("container_id", "CONTAINER", (c) => c.container_id, {
		alias: "container",
		maxWidth: 13,
		importance: 1,
	}),
	textColumn("attribution", "KNOWN_BY", (c) => c.attribution, { cut: null }),
	textColumn("opened", "OPENED", (c) => c.opened, { cut: null }),
	textColumn("preexisting", "BEFORE", (c) => String(c.preexisting), { cut: null }),
	numberColumn("duration_ms", "DURATION_MS", (c) => c.duration_ms, String),
	numberColumn("bytes_sent", "SENT", (c) => c.bytes_sent, humanAmount, {
		alias: "sent",
		plainHeader: "SENT_BYTES",
		importance: CORE + 1,
	}),
	numberColumn("bytes_received", "RECV", (c) => c.bytes_received, humanAmount, {
		alias: "received",
		plainHeader: "RECV_BYTES",
		importance: CORE + 1,
	}),
	numberColumn("segments_sent", "SEGS_OUT", (c) => c.segments_sent, humanCount),
	numberColumn("segments_received", "SEGS_IN", (c) => c.segments_received, humanCount),
	numberColumn("segments_retransmitted", "RETR", (c) => c.segments_retransmitted, humanCount, {
		alias: "retrans",
		importance: 4,
	}),
	microseconds("rtt_us", "RTT", (c) => c.rtt_us, { alias: "rtt", importance: 5 }),
	microseconds("rtt_var_us", "RTTVAR", (c) => c.rtt_var_us),
	microseconds("rtt_min_us", "RTTMIN", (c) => c.rtt_min_us),
	microseconds("connect_latency_us", "LATENCY", (c) => c.connect_latency_us, { alias: "latency" }),
	textColumn("nat", "NAT", (c) => natText(c.nat), { ...ADDRESS, usualWidth: 10, importance: 3 }),
	textColumn("remote_name", "REMOTE_NAME", (c) => c.remote_name),
	numberColumn("fd", "FD", (c) => c.fd, String, { importance: 3 }),
	textColumn("closing", "CLOSING", (c) => String(c.closing), { cut: null }),
	textColumn("holders", "HOLDERS", holders),
];

const columnsWith = (names: LocalNames): readonly Column<ConnectionRecord>[] => [
	...COLUMNS,
	...ownerNameColumns(names),
	serviceColumn(names, listenPortOf),
];

/**
 * What is chosen, or what suits the format. CSV has every field of the record.
 *
 * @throws UsageError for a column that does not exist
 */
export function connectionColumns({
	columns: chosen,
	format,
	wide,
	names = NO_NAMES,
}: ColumnChoice): readonly Column<ConnectionRecord>[] {
	const all = columnsWith(names);
	if (chosen !== null) return namedColumns(all, chosen);
	if (format === "csv") return COLUMNS.filter(({ name }) => !JOINED.includes(name));
	const shown = wide && format === "terminal" ? [...TABLE, ...LOCAL_NAMES] : TABLE;
	return shown.map((name) => findColumn(all, name, "--columns"));
}

/**
 * Numbers from the largest, text from A, unknown values last.
 *
 * @throws UsageError for a column that does not exist
 */
export function connectionOrder(field: string, names = NO_NAMES): Order {
	const column = findColumn(columnsWith(names), field, "--sort");
	return (a, b) => compareValues(column.value(a), column.value(b));
}
