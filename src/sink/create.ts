/** Chooses the sink, and sends what is not a row of it to standard error. */

import type { Aggregate, FlowRecord } from "../flow/records.ts";
import {
	chosenColumns,
	defaultColumns,
	flowFields,
	type RowOrder,
	rowOrder,
} from "./column-options.ts";
import { CsvRows } from "./csv.ts";
import { JsonLines } from "./json.ts";
import { PlainTable } from "./plain.ts";
import { ordered, type RowWriter, tellPeople } from "./rows.ts";
import type { Output, Sink } from "./sink.ts";
import { gapText } from "./summary-text.ts";
import { TerminalTable } from "./table.ts";

type Format = "table" | "json" | "csv";

export interface SinkOptions {
	readonly format: Format;
	/** Names of columns; null: those that suit the format. JSON has every field whatever they are. */
	readonly columns: readonly string[] | null;
	/** Name of a column; null: tables by throughput, CSV as the flows come. */
	readonly sort: string | null;
	readonly header: boolean;
	/** A table on a terminal is not cut to its width. */
	readonly wide: boolean;
	readonly color: boolean;
	/** JSON: the summary is the last record. */
	readonly summary: boolean;
	readonly aggregate: Aggregate;
}

/** @throws UsageError for a column that does not exist. */
export function createSink(options: SinkOptions, stdout: Output, stderr: Output): Sink {
	const { format, aggregate, header, wide, color } = options;
	const order = rowOrder(options.sort);
	const chosen = options.columns === null ? null : chosenColumns(options.columns);
	const columns = (medium: "terminal" | "plain" | "csv") =>
		chosen ?? defaultColumns(medium, aggregate);
	if (format === "json") return jsonSink(options, stdout, stderr);
	if (format === "csv") {
		const csvOrder = options.sort === null ? null : order;
		return rowSink(new CsvRows({ columns: columns("csv"), header }, stdout), csvOrder, stderr);
	}
	if (!stdout.isTerminal) {
		return rowSink(new PlainTable({ columns: columns("plain"), header }, stdout), order, stderr);
	}
	const table = new TerminalTable(
		{ columns: columns("terminal"), order, header, wide, color },
		stdout,
	);
	return { ...tellPeople(stderr), flows: (batch) => table.flows(batch) };
}

function jsonSink({ aggregate, summary }: SinkOptions, stdout: Output, stderr: Output): Sink {
	// As JSON.stringify wants them, which keeps their order.
	const fields = [...flowFields(aggregate)];
	const lineOf = (flow: FlowRecord) => JSON.stringify(flow, fields);
	const json = new JsonLines({ lineOf, summary }, stdout, stderr);
	return { ...json.run(), flows: ({ flows, gaps }) => json.batch(flows, gaps) };
}

function rowSink(rows: RowWriter<FlowRecord>, order: RowOrder | null, stderr: Output): Sink {
	return {
		...tellPeople(stderr),
		flows(batch) {
			rows.write(ordered(batch.flows, order));
			for (const gap of batch.gaps) stderr.write(gapText(gap));
		},
	};
}
