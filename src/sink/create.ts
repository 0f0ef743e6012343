/** Chooses the sink, and sends what is not a row of it to standard error. */

import type { Aggregate, FlowBatch, SummaryRecord } from "../flow/records.ts";
import { chosenColumns, defaultColumns, rowOrder } from "./column-options.ts";
import { CsvRows } from "./csv.ts";
import { JsonLines } from "./json.ts";
import { PlainTable } from "./plain.ts";
import type { RowWriter } from "./rows.ts";
import type { Output, Sink } from "./sink.ts";
import { gapText, readyText, summaryText } from "./summary-text.ts";
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
	const chosen = options.columns === null ? null : chosenColumns(options.columns);
	const order = rowOrder(options.sort);
	const { format, aggregate, header } = options;
	const columns = (medium: "terminal" | "plain" | "csv") =>
		chosen ?? defaultColumns(medium, aggregate);
	if (format === "json") return withSummaryForPeople(new JsonLines(options, stdout), stderr);
	if (format === "csv") {
		const csvOrder = options.sort === null ? null : order;
		return rowSink(
			new CsvRows({ columns: columns("csv"), order: csvOrder, header }, stdout),
			stderr,
		);
	}
	if (!stdout.isTerminal) {
		return rowSink(new PlainTable({ columns: columns("plain"), order, header }, stdout), stderr);
	}
	const { wide, color } = options;
	return rowSink(
		new TerminalTable({ columns: columns("terminal"), order, header, wide, color }, stdout),
		stderr,
	);
}

function rowSink(rows: RowWriter, stderr: Output): Sink {
	return {
		ready: (record) => stderr.write(readyText(record)),
		flows(batch: FlowBatch) {
			rows.flows(batch);
			if (!rows.showsGaps) for (const gap of batch.gaps) stderr.write(gapText(gap));
		},
		summary: (record) => stderr.write(summaryText(record)),
		close() {},
	};
}

function withSummaryForPeople(sink: JsonLines, stderr: Output): Sink {
	return {
		ready: (record) => sink.ready(record),
		flows: (batch) => sink.flows(batch),
		summary(record: SummaryRecord) {
			sink.summary(record);
			if (stderr.isTerminal) stderr.write(summaryText(record));
		},
		close: () => sink.close(),
	};
}
