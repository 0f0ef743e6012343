/**
 * RFC 4180, except that lines end in a bare newline as everywhere else on Linux. Numbers are plain,
 * null is an empty field.
 */

import type { FlowBatch } from "../flow/records.ts";
import type { Value } from "./columns.ts";
import { ordered, type RowOptions, type RowWriter } from "./rows.ts";
import type { Output } from "./sink.ts";
import { safeText } from "./text.ts";

export class CsvRows implements RowWriter {
	readonly showsGaps = false;
	readonly #options: RowOptions;
	readonly #output: Output;
	#needsHeader: boolean;

	constructor(options: RowOptions, output: Output) {
		this.#options = options;
		this.#output = output;
		this.#needsHeader = options.header;
	}

	flows(batch: FlowBatch): void {
		const { columns, order } = this.#options;
		const lines = ordered(batch.flows, order).map((flow) =>
			columns.map((column) => csvField(column.value(flow))).join(","),
		);
		if (this.#needsHeader) lines.unshift(columns.map(({ name }) => name).join(","));
		this.#needsHeader = false;
		if (lines.length > 0) this.#output.write(`${lines.join("\n")}\n`);
	}
}

function csvField(value: Value): string {
	if (value === null) return "";
	if (typeof value === "number") return String(value);
	// A spreadsheet would run what begins like a formula, some with full-width signs as well.
	const text = /^[=+\-@＝＋－＠]/.test(value) ? `'${safeText(value)}` : safeText(value);
	return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
