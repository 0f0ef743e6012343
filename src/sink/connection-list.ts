/** A list of connections: written once, from beginning to end. */

import type { ConnectionRecord } from "../flow/connection.ts";
import { CORE, type Column } from "./column.ts";
import { connectionColumns, connectionOrder } from "./connection-columns.ts";
import { CsvRows } from "./csv.ts";
import { fit, headerText, place, rowText } from "./layout.ts";
import { isOptional, type LocalNames } from "./local-names.ts";
import { PlainTable } from "./plain.ts";
import type { RowWriter } from "./rows.ts";
import type { Output } from "./sink.ts";
import { safeJson } from "./text.ts";

export interface ConnectionListOptions {
	readonly format: "table" | "json" | "csv";
	/** Names of columns; null: those that suit the format. JSON has every field whatever they are. */
	readonly columns: readonly string[] | null;
	/** Name of a column; null: as they come. */
	readonly sort: string | null;
	readonly header: boolean;
	/** A table on a terminal is not cut to its width. */
	readonly wide: boolean;
	readonly color: boolean;
	/** What this machine calls users, units and ports; left out: nothing. */
	readonly names?: LocalNames;
}

/** Takes all of them, and stops early once `signal` aborts. */
export type ConnectionListWriter = (
	connections: Iterable<ConnectionRecord>,
	signal: AbortSignal,
) => void;

const BOLD = "\x1b[1m";
const RESET = "\x1b[0m";
/** Where a terminal does not know its size, it says 0. */
const USUAL_COLUMNS = 80;
/** Records for one write: text of some megabytes at most. */
const ROWS_AT_ONCE = 4096;

/** @throws UsageError for a column that does not exist. */
export function connectionList(
	options: ConnectionListOptions,
	stdout: Output,
): ConnectionListWriter {
	const { format } = options;
	const order = options.sort === null ? null : connectionOrder(options.sort, options.names);
	const medium = stdout.isTerminal ? "terminal" : "plain";
	const columns = connectionColumns({ ...options, format: format === "csv" ? "csv" : medium });
	const rows = rowsOf(options, columns, stdout);
	// Only a table's widths depend on all of its rows.
	const atOnce = format === "table" ? Number.POSITIVE_INFINITY : ROWS_AT_ONCE;
	return (connections, signal) => {
		const inOrder = order === null ? connections : [...connections].sort(order);
		let batch: ConnectionRecord[] = [];
		for (const connection of inOrder) {
			batch.push(connection);
			if (batch.length < atOnce) continue;
			if (signal.aborted) return;
			rows.write(batch);
			batch = [];
		}
		rows.write(batch);
	};
}

function rowsOf(
	{ format, header, wide, color }: ConnectionListOptions,
	columns: readonly Column<ConnectionRecord>[],
	stdout: Output,
): RowWriter<ConnectionRecord> {
	if (format === "json") return { write: (rows) => writeJson(rows, stdout) };
	if (format === "csv") return new CsvRows({ columns, header }, stdout);
	if (!stdout.isTerminal) return new PlainTable({ columns, header }, stdout);
	return {
		write(rows) {
			const used = columns.filter((column) => !isEmpty(column, rows));
			const all = used.map((column) => place(column, column.header, rows.map(column.text), wide));
			const placed = wide ? all : fit(all, stdout.columns() || USUAL_COLUMNS);
			const head = color ? `${BOLD}${headerText(placed)}${RESET}` : headerText(placed);
			const lines = rows.map((_, row) => rowText(placed, row));
			stdout.write([...(header ? [head] : []), ...lines, ""].join("\n"));
		},
	};
}

/** On most machines nothing runs in a container, for example, and the column says nothing. */
function isEmpty(column: Column<ConnectionRecord>, rows: readonly ConnectionRecord[]): boolean {
	if (!isOptional(column) || column.importance >= CORE) return false;
	return rows.every((row) => column.value(row) === null);
}

function writeJson(rows: readonly ConnectionRecord[], stdout: Output): void {
	let text = "";
	for (const row of rows) text += `${safeJson(JSON.stringify(row))}\n`;
	if (text !== "") stdout.write(text);
}
