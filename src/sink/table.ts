/** The table on a terminal: one frame per interval, drawn over the one before. */

import { hasMoved } from "../flow/activity.ts";
import type { GapRecord, LossStage } from "../flow/records.ts";
import { CORE, type Column, type ColumnShape } from "./column.ts";
import { fit, headerText, place, rowText } from "./layout.ts";
import { isOptional } from "./local-names.ts";
import type { ActiveRow, RowKind, RowOrder } from "./row-kind.ts";
import { ordered, type RowBatch } from "./rows.ts";
import { BOLD, DIM, heightOf, type Line, RED, Screen, type Size, wholeLine } from "./screen.ts";
import type { Output } from "./sink.ts";
import { clock } from "./summary-text.ts";
import { humanAmount, humanCount } from "./units.ts";
import { cutText, displayWidth } from "./width.ts";

/** How rows are shown. */
export interface TableView<Row extends ActiveRow> {
	readonly kind: RowKind<Row>;
	readonly columns: readonly Column<Row>[];
	readonly order: RowOrder<Row>;
	readonly header: boolean;
	/** Nothing is cut: lines that are too long wrap. */
	readonly wide: boolean;
}

/** What was lost so far. */
export type Lost = Map<LossStage, number>;

const STATUS_GAP = "  ";

export class TerminalTable<Row extends ActiveRow> {
	readonly #view: TableView<Row>;
	readonly #screen: Screen;
	readonly #lost: Lost = new Map();

	constructor(view: TableView<Row>, color: boolean, output: Output) {
		this.#view = view;
		this.#screen = new Screen({ wide: view.wide, color }, output);
	}

	batch(batch: RowBatch<Row>): void {
		addLosses(this.#lost, batch.gaps);
		const size = this.#screen.size();
		this.#screen.draw(frame(this.#view, batch, { lost: this.#lost, keys: null, size }), size);
	}
}

export function addLosses(lost: Lost, gaps: readonly GapRecord[]): void {
	for (const { stage, count } of gaps) lost.set(stage, (lost.get(stage) ?? 0) + count);
}

/** Status, keys where there are any, header and rows: all that fits into `size`. */
export function frame<Row extends ActiveRow>(
	view: TableView<Row>,
	batch: RowBatch<Row>,
	{ lost, keys, size }: { readonly lost: Lost; readonly keys: Line | null; readonly size: Size },
): Line[] {
	const { kind, header, wide } = view;
	const { columns, rows: room } = size;
	const rows = ordered(batch.rows, view.order);
	const visible = rows.slice(0, room);
	const all = view.columns
		.filter((column) => isAskedFor(column) || visible.some((row) => column.value(row) !== null))
		.map((column) => place(column, column.header, visible.map(column.text), wide));
	const placed = wide ? all : fit(all, columns);
	const head = [statusLine(batch, kind.noun, lost, columns)];
	if (keys !== null) head.push(keys);
	if (header) head.push(wholeLine(headerText(placed), BOLD));
	const lines = visible.map((row, index) =>
		wholeLine(rowText(placed, index), hasMoved(row) ? null : DIM),
	);
	const height = (some: readonly Line[]) => heightOf(some, columns, wide);
	const fitting = (some: readonly Line[], left: number) => firstOf(some, left, height);
	const isComplete = lines.length === rows.length;
	if (isComplete && height([...head, ...lines]) <= room) return [...head, ...lines];
	const shown = fitting(lines, room - height(head) - 1);
	const more = cutText(moreText(rows.length - shown.length, kind.noun), columns, "end");
	return fitting([...head, ...shown, wholeLine(more, DIM)], room);
}

/** Those that go into `room`. */
function firstOf(
	lines: readonly Line[],
	room: number,
	height: (lines: readonly Line[]) => number,
): Line[] {
	let left = room;
	const end = lines.findIndex((line) => {
		left -= height([line]);
		return left < 0;
	});
	return end === -1 ? [...lines] : lines.slice(0, end);
}

/** Losses stand right behind the time, where a narrow terminal does not cut them. */
function statusLine<Row extends ActiveRow>(
	{ time, interval_ms, rows }: RowBatch<Row>,
	noun: RowKind<Row>["noun"],
	lost: ReadonlyMap<LossStage, number>,
	columns: number,
): Line {
	const sum = (count: (row: Row) => number) => rows.reduce((total, row) => total + count(row), 0);
	const rate = (bytes: number) => humanAmount(interval_ms > 0 ? (bytes * 1000) / interval_ms : 0);
	const lostCount = lost.values().reduce((total, count) => total + count, 0);
	const before = clock(time);
	const losses = lostCount > 0 ? `LOST ${lostCount} (${[...lost.keys()].join(", ")})` : "";
	const parts = [
		before,
		...(losses === "" ? [] : [losses]),
		counted(rows.length, noun),
		`${humanCount(sum((row) => row.connections_open))} open`,
		`${humanCount(sum((row) => row.connections_opened))} new`,
		`${humanCount(sum((row) => row.connections_failed))} failed`,
		`sent ${rate(sum((row) => row.bytes_sent ?? 0))}B/s`,
		`received ${rate(sum((row) => row.bytes_received ?? 0))}B/s`,
	];
	while (parts.length > 1 && displayWidth(parts.join(STATUS_GAP)) > columns) parts.pop();
	const text = cutText(parts.join(STATUS_GAP), columns, "end");
	const from = before.length + STATUS_GAP.length;
	const style = losses === "" ? null : RED;
	return { text, style, styled: [from, from + losses.length] };
}

function counted(count: number, [one, many]: readonly [string, string]): string {
	return `${count} ${count === 1 ? one : many}`;
}

function moreText(hidden: number, [one, many]: readonly [string, string]): string {
	return `… ${hidden} more ${hidden === 1 ? one : many}`;
}

/** The others are shown where they say something. */
function isAskedFor(column: ColumnShape): boolean {
	return !isOptional(column) || column.importance >= CORE;
}
