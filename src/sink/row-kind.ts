/** What is known of rows of one kind, and what --columns and --sort make of it. */

import { plus } from "../flow/connection-counters.ts";
import type { Activity } from "../flow/records.ts";
import { type Column, findColumn, namedColumns, type Value } from "./column.ts";

/** What is added up above a table of rows. */
export interface ActiveRow extends Activity {
	readonly container_id: string | null;
}

export type RowOrder<Row> = (a: Row, b: Row) => number;

export interface RowKind<Row extends ActiveRow> {
	readonly columns: readonly Column<Row>[];
	/** The columns where none are chosen, by name. */
	readonly terminal: readonly string[];
	readonly plain: readonly string[];
	/** And those that a terminal has besides, where there is room for all. */
	readonly wide: readonly string[];
	/** What JSON has of a row, in this order; and CSV, but for the type. */
	readonly fields: readonly string[];
	/** "flow", "flows" */
	readonly noun: readonly [one: string, many: string];
	/** Rows that are equal otherwise keep their places from one frame to the next. */
	readonly tie: RowOrder<Row>;
}

/** What --sort takes besides columns: bytes sent and received. */
export const THROUGHPUT = "throughput";

/**
 * What `names` say, or what suits the medium.
 *
 * @throws UsageError for a column that does not exist
 */
export function columnsOf<Row extends ActiveRow>(
	kind: RowKind<Row>,
	names: readonly string[] | null,
	medium: "terminal" | "plain" | "csv",
	wide = false,
): readonly Column<Row>[] {
	if (names !== null) return namedColumns(kind.columns, names);
	const usual = medium === "csv" ? kind.fields.filter((field) => field !== "type") : kind[medium];
	const shown = wide && medium === "terminal" ? [...usual, ...kind.wide] : usual;
	return shown.map((name) => findColumn(kind.columns, name, "--columns"));
}

/**
 * What --sort names: numbers from the largest, text from A, unknown values last. Null: THROUGHPUT.
 *
 * @throws UsageError
 */
export function orderOf<Row extends ActiveRow>(
	kind: RowKind<Row>,
	field: string | null,
): RowOrder<Row> {
	const value = sortValue(kind, field);
	return (a, b) =>
		compareValues(value(a), value(b)) || b.connections_open - a.connections_open || kind.tie(a, b);
}

/** Whether --columns or --sort may name it. */
export function hasColumn<Row extends ActiveRow>({ columns }: RowKind<Row>, name: string): boolean {
	const wanted = name.trim().toLowerCase();
	return columns.some((column) => column.name === wanted || column.alias === wanted);
}

function sortValue<Row extends ActiveRow>(
	kind: RowKind<Row>,
	field: string | null,
): (row: Row) => Value {
	if (field === null || field.toLowerCase() === THROUGHPUT) {
		return (row) => plus(row.bytes_sent, row.bytes_received);
	}
	const column = findColumn(kind.columns, field, "--sort", [THROUGHPUT]);
	return (row) => column.value(row);
}

export function compareValues(a: Value, b: Value): number {
	if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
	if (typeof a === "number" && typeof b === "number") return b - a;
	return compareText(String(a), String(b));
}

export function compareText(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}
