/** Chooses the sink, and sends what is not a row of it to standard error. */

import type { Aggregate } from "../flow/records.ts";
import { CsvRows } from "./csv.ts";
import { flowKind } from "./flow-kind.ts";
import { JsonLines } from "./json.ts";
import type { LocalNames } from "./local-names.ts";
import { NAT_FIELDS } from "./nat-text.ts";
import { PlainTable } from "./plain.ts";
import { type ActiveRow, columnsOf, orderOf, type RowKind, type RowOrder } from "./row-kind.ts";
import { ordered, type RowSink, type RowWriter, tellPeople } from "./rows.ts";
import type { Output, Sink } from "./sink.ts";
import { gapText } from "./summary-text.ts";
import { TerminalTable } from "./table.ts";

type Format = "table" | "json" | "csv";

export interface RowSinkOptions {
	readonly format: Format;
	/** Names of columns; null: those that suit the format. JSON has every field whatever they are. */
	readonly columns: readonly string[] | null;
	/** Name of a column; null: tables by throughput, CSV as the rows come. */
	readonly sort: string | null;
	readonly header: boolean;
	/** A table on a terminal is not cut to its width. */
	readonly wide: boolean;
	readonly color: boolean;
	/** JSON: the summary is the last record. */
	readonly summary: boolean;
	/** What this machine calls users, units and ports; left out: nothing. */
	readonly names?: LocalNames;
}

export interface SinkOptions extends RowSinkOptions {
	readonly aggregate: Aggregate;
}

/** @throws UsageError for a column that does not exist. */
export function createSink(options: SinkOptions, stdout: Output, stderr: Output): Sink {
	const rows = createRowSink(flowKind(options.aggregate, options.names), options, stdout, stderr);
	return { ...rows, flows: (batch) => rows.batch({ ...batch, rows: batch.flows }) };
}

/** @throws UsageError for a column that does not exist. */
export function createRowSink<Row extends ActiveRow>(
	kind: RowKind<Row>,
	options: RowSinkOptions,
	stdout: Output,
	stderr: Output,
): RowSink<Row> {
	const { format, sort, header, wide, color } = options;
	const isTable = format === "table";
	const medium = isTable ? (stdout.isTerminal ? "terminal" : "plain") : "csv";
	const columns = columnsOf(kind, options.columns, medium, wide);
	const order = orderOf(kind, sort);
	if (format === "json") return jsonSink(kind, options.summary, stdout, stderr);
	if (medium === "terminal") {
		const table = new TerminalTable({ kind, columns, order, header, wide }, color, stdout);
		return { ...tellPeople(stderr), batch: (batch) => table.batch(batch) };
	}
	if (isTable) return rowSink(new PlainTable({ columns, header }, stdout), order, stderr);
	const csvOrder = sort === null ? null : order;
	return rowSink(new CsvRows({ columns, header }, stdout), csvOrder, stderr);
}

function jsonSink<Row extends ActiveRow>(
	kind: RowKind<Row>,
	summary: boolean,
	stdout: Output,
	stderr: Output,
): RowSink<Row> {
	// As JSON.stringify wants them, which keeps their order.
	const fields = [...kind.fields];
	const names = [...fields, ...NAT_FIELDS];
	const lineOf = (row: Row) => JSON.stringify(row, names);
	const json = new JsonLines({ lineOf, summary }, stdout, stderr);
	return { ...json.run(), batch: ({ rows, gaps }) => json.batch(rows, gaps) };
}

function rowSink<Row>(
	rows: RowWriter<Row>,
	order: RowOrder<Row> | null,
	stderr: Output,
): RowSink<Row> {
	return {
		...tellPeople(stderr),
		batch(batch) {
			rows.write(ordered(batch.rows, order));
			for (const gap of batch.gaps) stderr.write(gapText(gap));
		},
	};
}
