/** What tables and CSV have in common: rows go out, everything else is text for people. */

import type { FlowRecord } from "../flow/records.ts";
import type { Column } from "./column.ts";
import type { RowOrder } from "./column-options.ts";
import type { Output, RunSink } from "./sink.ts";
import { readyText, summaryText } from "./summary-text.ts";

export interface RowOptions<Row> {
	readonly columns: readonly Column<Row>[];
	readonly header: boolean;
}

export interface RowWriter<Row> {
	/** One write for all of them. */
	write(rows: readonly Row[]): void;
}

export function ordered(
	flows: readonly FlowRecord[],
	order: RowOrder | null,
): readonly FlowRecord[] {
	return order === null ? flows : flows.toSorted(order);
}

/** What is not a row goes to standard error. */
export function tellPeople(stderr: Output): RunSink {
	return {
		ready: (record) => stderr.write(readyText(record)),
		summary: (record) => stderr.write(summaryText(record)),
		close() {},
	};
}
