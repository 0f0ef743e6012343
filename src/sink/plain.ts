/**
 * The table in a pipe: a line for each row, one field per column and no space in a field, numbers
 * without units, nothing cut. For grep and awk.
 */

import type { RowOptions, RowWriter } from "./rows.ts";
import type { Output } from "./sink.ts";
import { fieldText } from "./text.ts";
import { displayWidth, padText } from "./width.ts";

/** Characters for one write. */
const ENOUGH = 2 ** 20;

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
		const header = this.#needsHeader ? columns.map(({ plainHeader }) => plainHeader) : null;
		this.#needsHeader = false;
		if (header !== null) this.#widen(header);
		for (const row of rows) this.#widen(this.#cells(row));
		let text = header === null ? "" : this.#line(header);
		for (const row of rows) {
			text += this.#line(this.#cells(row));
			if (text.length < ENOUGH) continue;
			this.#output.write(text);
			text = "";
		}
		if (text !== "") this.#output.write(text);
	}

	/** Made twice for each row: a list of all sockets would not fit into memory as text. */
	#cells(row: Row): readonly string[] {
		return this.#options.columns.map((column) => {
			const value = column.value(row);
			return typeof value === "number" ? String(value) : fieldText(value);
		});
	}

	#widen(cells: readonly string[]): void {
		const widths = this.#widths;
		for (let i = 0; i < cells.length; i++)
			widths[i] = Math.max(widths[i] ?? 0, displayWidth(cells[i] ?? ""));
	}

	#line(cells: readonly string[]): string {
		const { columns } = this.#options;
		let line = "";
		for (let i = 0; i < cells.length; i++) {
			const align = columns[i]?.align ?? "left";
			const padded = padText(cells[i] ?? "", this.#widths[i] ?? 0, align);
			line = i === 0 ? padded : `${line} ${padded}`;
		}
		return `${line.trimEnd()}\n`;
	}
}
