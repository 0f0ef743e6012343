/** The table on a terminal: one frame per interval, drawn over the one before. */

import type { FlowBatch, FlowRecord, LossStage } from "../flow/records.ts";
import { CORE, type ColumnShape } from "./column.ts";
import type { RowOrder } from "./column-options.ts";
import { fit, headerText, place, rowText } from "./layout.ts";
import { ordered, type RowOptions } from "./rows.ts";
import type { Output } from "./sink.ts";
import { clock } from "./summary-text.ts";
import { humanAmount, humanCount } from "./units.ts";
import { cutText, displayWidth, wrappedHeight } from "./width.ts";

export interface TerminalOptions extends RowOptions<FlowRecord> {
	readonly order: RowOrder;
	/** Nothing is cut: lines that are too long wrap. */
	readonly wide: boolean;
	readonly color: boolean;
}

const BOLD = "\x1b[1m";
const DIM = "\x1b[2m";
const RED = "\x1b[31m";
const RESET = "\x1b[0m";
const CLEAR_LINE = "\x1b[2K";
const HOME = "\x1b[H";

/** Where a terminal does not know its size, it says 0. */
const USUAL_COLUMNS = 80;
const USUAL_ROWS = 24;
const STATUS_GAP = "  ";

interface Line {
	readonly text: string;
	readonly style: string | null;
	/** The part of `text` that `style` is for; null: all of it. */
	readonly styled: readonly [from: number, to: number] | null;
}

interface Size {
	readonly columns: number;
	readonly rows: number;
}

export class TerminalTable {
	readonly #options: TerminalOptions;
	readonly #output: Output;
	readonly #lost = new Map<LossStage, number>();
	#drawnHeight = 0;
	#drawnSize: Size | null = null;

	constructor(options: TerminalOptions, output: Output) {
		this.#options = options;
		this.#output = output;
	}

	flows(batch: FlowBatch): void {
		for (const { stage, count } of batch.gaps)
			this.#lost.set(stage, (this.#lost.get(stage) ?? 0) + count);
		const size = {
			columns: this.#output.columns() || USUAL_COLUMNS,
			rows: this.#output.rows() || USUAL_ROWS,
		};
		const room = Math.max(1, size.rows - 1);
		const lines = this.#frame(batch, size.columns, room);
		this.#output.write(this.#backToTop(size) + lines.map((line) => this.#draw(line)).join(""));
		this.#drawnHeight = this.#height(lines, size.columns);
		this.#drawnSize = size;
	}

	/** At most `room` lines of the terminal. */
	#frame(batch: FlowBatch, columns: number, room: number): Line[] {
		const { header, wide, order } = this.#options;
		const flows = ordered(batch.flows, order);
		const visible = flows.slice(0, room);
		const all = this.#options.columns
			.filter((column) => isAskedFor(column) || visible.some(hasContainer))
			.map((column) => place(column, column.header, visible.map(column.text), wide));
		const placed = wide ? all : fit(all, columns);
		const head = [statusLine(batch, this.#lost, columns)];
		if (header) head.push(wholeLine(headerText(placed), BOLD));
		const rows = visible.map((flow, row) =>
			wholeLine(rowText(placed, row), isIdle(flow) ? DIM : null),
		);
		const isComplete = rows.length === flows.length;
		if (isComplete && this.#height([...head, ...rows], columns) <= room) return [...head, ...rows];
		const shown = this.#fitting(rows, columns, room - this.#height(head, columns) - 1);
		const more = cutText(moreText(flows.length - shown.length), columns, "end");
		return this.#fitting([...head, ...shown, wholeLine(more, DIM)], columns, room);
	}

	/** Only --wide makes lines that wrap, and so more height than there are lines. */
	#height(lines: readonly Line[], columns: number): number {
		if (!this.#options.wide) return lines.length;
		return lines.reduce((sum, { text }) => sum + wrappedHeight(text, columns), 0);
	}

	#fitting(lines: readonly Line[], columns: number, room: number): Line[] {
		let left = room;
		const end = lines.findIndex((line) => {
			left -= this.#height([line], columns);
			return left < 0;
		});
		return end === -1 ? [...lines] : lines.slice(0, end);
	}

	/**
	 * Clears line by line, as tmux moves a screen that is cleared at once into its history. A
	 * terminal that changed its size may have moved every line: only the screen is sure then.
	 */
	#backToTop(size: Size): string {
		const before = this.#drawnSize;
		if (before === null) return "";
		const isResized = before.columns !== size.columns || before.rows !== size.rows;
		const height = isResized ? Math.max(0, size.rows - 1) : this.#drawnHeight;
		const top = isResized ? HOME : `\x1b[${height}F`;
		return `${top}${`${CLEAR_LINE}\n`.repeat(height)}${CLEAR_LINE}${isResized ? HOME : top}`;
	}

	#draw({ text, style, styled }: Line): string {
		if (style === null || !this.#options.color) return `${text}\n`;
		const [from, to] = styled ?? [0, text.length];
		return `${text.slice(0, from)}${style}${text.slice(from, to)}${RESET}${text.slice(to)}\n`;
	}
}

function wholeLine(text: string, style: string | null): Line {
	return { text, style, styled: null };
}

/** Losses stand right behind the time, where a narrow terminal does not cut them. */
function statusLine(
	{ time, interval_ms, flows }: FlowBatch,
	lost: ReadonlyMap<LossStage, number>,
	columns: number,
): Line {
	const sum = (count: (flow: FlowRecord) => number) =>
		flows.reduce((total, flow) => total + count(flow), 0);
	const rate = (bytes: number) => humanAmount(interval_ms > 0 ? (bytes * 1000) / interval_ms : 0);
	const lostCount = lost.values().reduce((total, count) => total + count, 0);
	const before = clock(time);
	const losses = lostCount > 0 ? `LOST ${lostCount} (${[...lost.keys()].join(", ")})` : "";
	const parts = [
		before,
		...(losses === "" ? [] : [losses]),
		`${flows.length} ${flows.length === 1 ? "flow" : "flows"}`,
		`${humanCount(sum((flow) => flow.connections_open))} open`,
		`${humanCount(sum((flow) => flow.connections_opened))} new`,
		`${humanCount(sum((flow) => flow.connections_failed))} failed`,
		`sent ${rate(sum((flow) => flow.bytes_sent))}B/s`,
		`received ${rate(sum((flow) => flow.bytes_received))}B/s`,
	];
	while (parts.length > 1 && displayWidth(parts.join(STATUS_GAP)) > columns) parts.pop();
	const text = cutText(parts.join(STATUS_GAP), columns, "end");
	const from = before.length + STATUS_GAP.length;
	const style = losses === "" ? null : RED;
	return { text, style, styled: [from, from + losses.length] };
}

function moreText(hidden: number): string {
	return `… ${hidden} more ${hidden === 1 ? "flow" : "flows"}`;
}

/** On most machines nothing runs in a container, and the column says nothing. */
function isAskedFor({ name, importance }: ColumnShape): boolean {
	return name !== "container_id" || importance >= CORE;
}

function hasContainer(flow: FlowRecord): boolean {
	return flow.container_id !== null;
}

/** Open connections, and nothing happened to them. */
function isIdle(flow: FlowRecord): boolean {
	const happened =
		flow.bytes_sent +
		flow.bytes_received +
		flow.connections_opened +
		flow.connections_failed +
		flow.connections_closed;
	return happened === 0;
}
