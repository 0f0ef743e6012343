/**
 * Records on a terminal, as they come: lines that scroll by, in columns that are as wide as usual values are, as
 * nobody knows what comes next. Once a screenful the header stands anew, and the widths are those
 * of the window as it is then.
 */

import type { Column } from "./column.ts";
import { fit, headerText, type Placed, spread } from "./layout.ts";
import type { RowOptions, RowWriter } from "./rows.ts";
import type { Output } from "./sink.ts";
import { cutText, displayWidth, padText } from "./width.ts";

export interface ScrollingOptions<Row> extends RowOptions<Row> {
	/** Every column, and nothing cut. */
	readonly wide: boolean;
	readonly color: boolean;
	/** It stands out, in red. */
	isMarked(row: Row): boolean;
}

const BOLD = "\x1b[1m";
const RED = "\x1b[31m";
const RESET = "\x1b[0m";

interface Item<Row> extends Placed {
	readonly column: Column<Row>;
}

export class ScrollingLines<Row> implements RowWriter<Row> {
	readonly #options: ScrollingOptions<Row>;
	readonly #output: Output;
	#items: readonly Item<Row>[] = [];
	/** Of the window, when `#items` were made for it. */
	#available = 0;
	/** Lines until the header is due again. */
	#left = 0;

	constructor(options: ScrollingOptions<Row>, output: Output) {
		this.#options = options;
		this.#output = output;
	}

	write(rows: readonly Row[]): void {
		if (this.#output.columns() !== this.#available) this.#left = 0;
		let text = "";
		for (const row of rows) {
			if (this.#left === 0) text += this.#startScreen();
			this.#left--;
			text += this.#line(row);
		}
		if (text !== "") this.#output.write(text);
	}

	#startScreen(): string {
		const { columns, wide, header, color } = this.#options;
		this.#available = this.#output.columns();
		this.#left = Math.max(1, this.#output.rows() - 2);
		const all = columns.map((column): Item<Row> => {
			const width = Math.max(column.usualWidth, displayWidth(column.header));
			return { column, header: column.header, cells: [], width };
		});
		this.#items = wide ? all : fit(all, this.#available);
		if (!wide) spread(this.#items, this.#available);
		if (!header) return "";
		const line = headerText(this.#items);
		return color ? `${BOLD}${line}${RESET}\n` : `${line}\n`;
	}

	#line(row: Row): string {
		const { wide, color } = this.#options;
		let line = "";
		for (const item of this.#items) {
			const { column } = item;
			const text = column.text(row);
			const cell = wide || column.cut === null ? text : cutText(text, item.width, column.cut);
			if (wide) item.width = Math.max(item.width, displayWidth(cell));
			line += `${padText(cell, item.width, column.align)} `;
		}
		line = line.trimEnd();
		if (!wide) line = cutText(line, this.#available, "end");
		return color && this.#options.isMarked(row) ? `${RED}${line}${RESET}\n` : `${line}\n`;
	}
}
