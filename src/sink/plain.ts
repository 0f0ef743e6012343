/**
 * The table in a pipe: a line for each row, one field per column and no space in a field, numbers
 * without units, nothing cut. For grep and awk.
 */

import type { RowOptions, RowWriter } from "./rows.ts";
import type { Output } from "./sink.ts";
import { fieldText } from "./text.ts";
import { displayWidth, padText } from "./width.ts";

export class PlainTable<Row> implements RowWriter<Row> {
	readonly #options: RowOptions<Row>;
	readonly #output: Output;
	/** They only grow, so that later lines stand under earlier ones. */
	readonly #widths: number[];
	#needsHeader: boolean;

	constructor(options: RowOptions<Row>, output: Output) {
		this.#options = options;
		this.#output = output;
		this.#widths = options.columns.map((column) => column.usualWidth);
		this.#needsHeader = options.header;
	}

	write(rows: readonly Row[]): void {
		const { columns } = this.#options;
		const cells = this.#needsHeader ? columns.map((column) => column.plainHeader) : [];
		this.#needsHeader = false;
		for (const row of rows) {
			for (const column of columns) {
				const value = column.value(row);
				cells.push(typeof value === "number" ? String(value) : fieldText(value));
			}
		}
		this.#widen(cells);
		if (cells.length > 0) this.#output.write(this.#lines(cells));
	}

	/** `cells` are row after row, here and below. */
	#widen(cells: readonly string[]): void {
		const widths = this.#widths;
		for (const [i, cell] of cells.entries()) {
			const column = i % widths.length;
			widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
		}
	}

	#lines(cells: readonly string[]): string {
		const { columns } = this.#options;
		let text = "";
		let line = "";
		for (const [i, cell] of cells.entries()) {
			const column = i % columns.length;
			const padded = padText(cell, this.#widths[column] ?? 0, columns[column]?.align ?? "left");
			line = column === 0 ? padded : `${line} ${padded}`;
			if (column === columns.length - 1) text += `${line.trimEnd()}\n`;
		}
		return text;
	}
}
