/** Chooses the sink of events, and sends what is not an event of it to standard error. */

import type { EventRecord } from "../flow/records.ts";
import { CsvRows } from "./csv.ts";
import { eventColumns, isFailure } from "./event-columns.ts";
import { eventJson } from "./event-json.ts";
import { EventJsonBytes } from "./event-json-bytes.ts";
import { JsonLines } from "./json.ts";
import type { LocalNames } from "./local-names.ts";
import { PlainTable } from "./plain.ts";
import { type RowWriter, tellPeople } from "./rows.ts";
import { ScrollingLines } from "./scrolling-lines.ts";
import type { EventSink, Output } from "./sink.ts";
import { gapText } from "./summary-text.ts";

export interface EventSinkOptions {
	readonly format: "table" | "json" | "csv";
	/** Names of columns; null: those that suit the format. JSON has every field whatever they are. */
	readonly columns: readonly string[] | null;
	readonly header: boolean;
	/** A table on a terminal is not cut to its width. */
	readonly wide: boolean;
	readonly color: boolean;
	/** JSON: the summary is the last record. */
	readonly summary: boolean;
	/** What this machine calls users, units and ports; left out: nothing. */
	readonly names?: LocalNames;
}

/** @throws UsageError for a column that does not exist */
export function createEventSink(
	options: EventSinkOptions,
	stdout: Output,
	stderr: Output,
): EventSink {
	const { format, header, wide, color, summary } = options;
	const table = stdout.isTerminal ? "terminal" : "plain";
	const columns = eventColumns({ ...options, format: format === "csv" ? "csv" : table });
	if (format === "json") {
		const json = new JsonLines({ lineOf: eventJson, summary }, stdout, stderr);
		return { ...json.run(), events: jsonEvents(json, stdout) };
	}
	if (format === "csv") return rowSink(new CsvRows({ columns, header }, stdout), stderr);
	if (!stdout.isTerminal) return rowSink(new PlainTable({ columns, header }, stdout), stderr);
	const lines = { columns, header, wide, color, isMarked: isFailure };
	return rowSink(new ScrollingLines(lines, stdout), stderr);
}

/** From where they lie if there is nothing to change in them. */
function jsonEvents(json: JsonLines<EventRecord>, stdout: Output): EventSink["events"] {
	let bytes: EventJsonBytes | null = null;
	return (slice) => {
		const { raw, gaps } = slice;
		if (raw === null) {
			json.batch(slice.events, gaps);
			return;
		}
		bytes ??= new EventJsonBytes(raw.names);
		if (raw.count > 0) stdout.write(bytes.lines(raw));
		json.batch([], gaps);
	};
}

function rowSink(rows: RowWriter<EventRecord>, stderr: Output): EventSink {
	return {
		...tellPeople(stderr),
		events({ events, gaps }) {
			rows.write(events);
			for (const gap of gaps) stderr.write(gapText(gap));
		},
	};
}
