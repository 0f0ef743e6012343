/** What tables and CSV have in common: rows go out, everything else is text for people. */

import type { GapRecord } from "../flow/records.ts";
import type { Column } from "./column.ts";
import type { RowOrder } from "./row-kind.ts";
import type { Output, RunSink } from "./sink.ts";
import { readyText, summaryText } from "./summary-text.ts";

export interface RowOptions<Row> {
	readonly columns: readonly Column<Row>[];
	readonly header: boolean;
}

export interface RowWriter<Row> {
	/** One write for all of them, or few where they are many. */
	write(rows: readonly Row[]): void;
}

/** The rows of one interval. */
export interface RowBatch<Row> {
	readonly time: string;
	readonly interval_ms: number;
	readonly rows: readonly Row[];
	readonly gaps: readonly GapRecord[];
}

export interface RowSink<Row> extends RunSink {
	batch(batch: RowBatch<Row>): void;
}

export function ordered<Row>(rows: readonly Row[], order: RowOrder<Row> | null): readonly Row[] {
	return order === null ? rows : rows.toSorted(order);
}

/** What is not a row goes to standard error. */
export function tellPeople(stderr: Output): RunSink {
	return {
		ready: (record) => stderr.write(readyText(record)),
		summary: (record) => stderr.write(summaryText(record)),
		close() {},
	};
}
