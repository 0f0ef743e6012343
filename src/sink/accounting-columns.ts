/** The columns of an account of a flow, as data; and which of them are shown when nothing else is said. */

import type { AccountingRecord } from "../flow/records.ts";
import {
	ADDRESS,
	CORE,
	type Column,
	endpoint,
	findColumn,
	namedColumns,
	numberColumn,
	type Rules,
	textColumn,
} from "./column.ts";
import { natText } from "./nat-text.ts";
import { safeText } from "./text.ts";
import { humanAmount, humanCount } from "./units.ts";

const TABLE = [
	...["time", "event", "transport", "source", "destination", "nat"],
	...["packets_original", "bytes_original", "packets_reply", "bytes_reply", "process"],
];
/** In the order of the contract. */
export const ACCOUNTING_FIELDS = [
	...["type", "time", "event", "flow_id", "started", "transport"],
	...["source_address", "source_port", "destination_address", "destination_port"],
	...["packets_original", "bytes_original", "packets_reply", "bytes_reply"],
	...["connection_mark", "netns", "nat", "pid", "process"],
];

type Rule = Rules<AccountingRecord>;

const ENDPOINT: Rule = { ...ADDRESS, maxWidth: 47, importance: CORE + 4 };
const AMOUNT: Rule = { usualWidth: 6, importance: 7 };

const COLUMNS: readonly Column<AccountingRecord>[] = [
	textColumn("time", "TIME", (a) => a.time, {
		cut: null,
		usualWidth: 12,
		importance: 9,
		text: (a) => safeText(a.time.slice(11, 23)),
	}),
	textColumn("event", "EVENT", (a) => a.event, { cut: null, usualWidth: 7, importance: CORE + 5 }),
	textColumn("flow_id", "FLOW", (a) => a.flow_id, { alias: "flow", cut: null, usualWidth: 16 }),
	textColumn("started", "STARTED", (a) => a.started, {
		cut: null,
		usualWidth: 12,
		text: (a) => safeText(a.started?.slice(11, 23) ?? "-"),
	}),
	textColumn("transport", "PROTO", (a) => a.transport, { cut: null, usualWidth: 6, importance: 8 }),
	textColumn("source", "SOURCE", (a) => endpoint(a.source_address, a.source_port), ENDPOINT),
	textColumn("source_address", "SOURCE_ADDRESS", (a) => a.source_address, ENDPOINT),
	numberColumn("source_port", "SOURCE_PORT", (a) => a.source_port, String),
	textColumn(
		"destination",
		"DESTINATION",
		(a) => endpoint(a.destination_address, a.destination_port),
		ENDPOINT,
	),
	textColumn("destination_address", "DESTINATION_ADDRESS", (a) => a.destination_address, ENDPOINT),
	numberColumn("destination_port", "DESTINATION_PORT", (a) => a.destination_port, String),
	numberColumn("packets_original", "PKTS_OUT", (a) => a.packets_original, humanCount, AMOUNT),
	numberColumn("bytes_original", "OUT", (a) => a.bytes_original, humanAmount, {
		...AMOUNT,
		plainHeader: "OUT_BYTES",
	}),
	numberColumn("packets_reply", "PKTS_IN", (a) => a.packets_reply, humanCount, AMOUNT),
	numberColumn("bytes_reply", "IN", (a) => a.bytes_reply, humanAmount, {
		...AMOUNT,
		plainHeader: "IN_BYTES",
	}),
	numberColumn("connection_mark", "MARK", (a) => a.connection_mark, String, { alias: "mark" }),
	numberColumn("netns", "NETNS", (a) => a.netns, String, { usualWidth: 10 }),
	textColumn("nat", "NAT", (a) => natText(a.nat), { ...ADDRESS, usualWidth: 10, importance: 3 }),
	numberColumn("pid", "PID", (a) => a.pid, String, { usualWidth: 7 }),
	textColumn("process", "PROCESS", (a) => a.process, { usualWidth: 15, maxWidth: 15 }),
];

/**
 * What `names` say, or what suits the format. CSV has every field of the record but its type.
 *
 * @throws UsageError for a column that does not exist
 */
export function accountingColumns(
	names: readonly string[] | null,
	format: "table" | "csv",
): readonly Column<AccountingRecord>[] {
	if (names !== null) return namedColumns(COLUMNS, names);
	const usual = format === "table" ? TABLE : ACCOUNTING_FIELDS.slice(1);
	return usual.map((name) => findColumn(COLUMNS, name, "--columns"));
}
