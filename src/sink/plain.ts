/**
 * The table in a pipe: one line per flow and interval, one field per column and no space in a
 * field, numbers without units, nothing cut. For grep and awk.
 */

import type { FlowBatch } from "../flow/records.ts";
import { ordered, type RowOptions, type RowWriter } from "./rows.ts";
import type { Output } from "./sink.ts";
import { fieldText } from "./text.ts";
import { displayWidth, padText } from "./width.ts";

export class PlainTable implements RowWriter {
	readonly showsGaps = false;
	readonly #options: RowOptions;
	readonly #output: Output;
	/** They only grow, so that later lines stand under earlier ones. */
	readonly #widths: number[];
	#needsHeader: boolean;

	constructor(options: RowOptions, output: Output) {
		this.#options = options;
		this.#output = output;
		this.#widths = options.columns.map((column) => column.usualWidth);
		this.#needsHeader = options.header;
	}

	flows(batch: FlowBatch): void {
		const { columns, order } = this.#options;
		const lines = ordered(batch.flows, order).map((flow) =>
			columns.map((column) => {
				const value = column.value(flow);
				return typeof value === "number" ? String(value) : fieldText(value);
			}),
		);
		if (this.#needsHeader) lines.unshift(columns.map((column) => column.plainHeader));
		this.#needsHeader = false;
		for (const cells of lines) this.#widen(cells);
		if (lines.length > 0) this.#output.write(lines.map((cells) => this.#line(cells)).join(""));
	}

	#widen(cells: readonly string[]): void {
		cells.forEach((cell, i) => {
			this.#widths[i] = Math.max(this.#widths[i] ?? 0, displayWidth(cell));
		});
	}

	#line(cells: readonly string[]): string {
		const { columns } = this.#options;
		const padded = cells.map((cell, i) =>
			padText(cell, this.#widths[i] ?? 0, columns[i]?.align ?? "left"),
		);
		return `${padded.join(" ").trimEnd()}\n`;
	}
}
