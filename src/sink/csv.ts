/**
 * RFC 4180, except that lines end in a bare newline as everywhere else on Linux. Numbers are plain,
 * null is an empty field.
 */

import type { Value } from "./column.ts";
import type { RowOptions, RowWriter } from "./rows.ts";
import type { Output } from "./sink.ts";
import { safeText } from "./text.ts";

/** Nothing to escape, and nothing that a spreadsheet would run. */
const HARMLESS = /^[\w.:/[\]][\w.:/[\] -]*$/;
/** Some read full-width signs as well. */
const FORMULA = /^[=+\-@＝＋－＠]/;

export class CsvRows<Row> implements RowWriter<Row> {
	readonly #options: RowOptions<Row>;
	readonly #output: Output;
	#needsHeader: boolean;

	constructor(options: RowOptions<Row>, output: Output) {
		this.#options = options;
		this.#output = output;
		this.#needsHeader = options.header;
	}

	write(rows: readonly Row[]): void {
		const { columns } = this.#options;
		let text = this.#needsHeader ? `${columns.map(({ name }) => name).join(",")}\n` : "";
		this.#needsHeader = false;
		for (const row of rows) {
			let separator = "";
			for (const column of columns) {
				text += separator + csvField(column.value(row));
				separator = ",";
			}
			text += "\n";
		}
		if (text !== "") this.#output.write(text);
	}
}

function csvField(value: Value): string {
	if (value === null) return "";
	if (typeof value === "number") return String(value);
	if (HARMLESS.test(value)) return value;
	const text = FORMULA.test(value) ? `'${safeText(value)}` : safeText(value);
	return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
