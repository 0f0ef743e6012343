/** Chooses the sink of accounts, and sends what is not one of them to standard error. */

import type { AccountingRecord } from "../flow/records.ts";
import { ACCOUNTING_FIELDS, accountingColumns } from "./accounting-columns.ts";
import { CsvRows } from "./csv.ts";
import type { EventSinkOptions } from "./event-sink.ts";
import { JsonLines } from "./json.ts";
import { PlainTable } from "./plain.ts";
import { type RowWriter, tellPeople } from "./rows.ts";
import { ScrollingLines } from "./scrolling-lines.ts";
import type { AccountingSink, Output } from "./sink.ts";
import { gapText } from "./summary-text.ts";

/** @throws UsageError for a column that does not exist */
export function createAccountingSink(
	options: EventSinkOptions,
	stdout: Output,
	stderr: Output,
): AccountingSink {
	const { format, header, wide, color, summary } = options;
	const columns = accountingColumns(options.columns, format === "csv" ? "csv" : "table");
	if (format === "json") {
		// Those of `nat` have the names of its ends.
		const lineOf = (record: AccountingRecord): string => JSON.stringify(record, ACCOUNTING_FIELDS);
		const json = new JsonLines({ lineOf, summary }, stdout, stderr);
		return { ...json.run(), accounts: ({ records, gaps }) => json.batch(records, gaps) };
	}
	if (format === "csv") return rowSink(new CsvRows({ columns, header }, stdout), stderr);
	if (!stdout.isTerminal) return rowSink(new PlainTable({ columns, header }, stdout), stderr);
	const lines = { columns, header, wide, color, isMarked: () => false };
	return rowSink(new ScrollingLines(lines, stdout), stderr);
}

function rowSink(rows: RowWriter<AccountingRecord>, stderr: Output): AccountingSink {
	return {
		...tellPeople(stderr),
		accounts({ records, gaps }) {
			rows.write(records);
			for (const gap of gaps) stderr.write(gapText(gap));
		},
	};
}
