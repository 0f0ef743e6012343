/** Chooses the sink of events, and sends what is not an event of it to standard error. */

import type { EventRecord } from "../flow/records.ts";
import { CsvRows } from "./csv.ts";
import { eventColumns } from "./event-columns.ts";
import { eventJson } from "./event-json.ts";
import { EventLines } from "./event-lines.ts";
import { JsonLines } from "./json.ts";
import { PlainTable } from "./plain.ts";
import { type RowWriter, tellPeople } from "./rows.ts";
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
}

/** @throws UsageError for a column that does not exist */
export function createEventSink(
	options: EventSinkOptions,
	stdout: Output,
	stderr: Output,
): EventSink {
	const { format, header, wide, color, summary } = options;
	const columns = eventColumns(options.columns, format === "csv" ? "csv" : "table");
	if (format === "json") {
		const json = new JsonLines({ lineOf: eventJson, summary }, stdout, stderr);
		return { ...json.run(), events: ({ events, gaps }) => json.batch(events, gaps) };
	}
	if (format === "csv") return rowSink(new CsvRows({ columns, header }, stdout), stderr);
	if (!stdout.isTerminal) return rowSink(new PlainTable({ columns, header }, stdout), stderr);
	return rowSink(new EventLines({ columns, header, wide, color }, stdout), stderr);
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
