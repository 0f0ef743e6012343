/** Fits columns into the width of a terminal: drops what matters least, then cuts what is long. */

import { CORE, type ColumnShape } from "./column.ts";
import { cutText, displayWidth, padText } from "./width.ts";

/** A column with what stands in it, top to bottom, and the width that it is given. */
export interface Placed {
	readonly column: ColumnShape;
	readonly header: string;
	readonly cells: readonly string[];
	width: number;
}

const GAP = 1;

/** Every column as wide as what stands in it, up to its own limit unless `wide`. */
export function place(
	column: ColumnShape,
	header: string,
	cells: readonly string[],
	wide: boolean,
): Placed {
	let width = displayWidth(header);
	for (const cell of cells) width = Math.max(width, displayWidth(cell));
	const limit = wide ? Number.POSITIVE_INFINITY : Math.max(column.maxWidth, displayWidth(header));
	return { column, header, cells, width: Math.min(width, limit) };
}

/** What of it goes into `available` columns, and how wide. One column is always left. */
export function fit<P extends Placed>(all: readonly P[], available: number): P[] {
	let placed = [...all];
	placed = dropWhile(placed, available, wholeAddressFloor, (item) => item.column.importance < CORE);
	placed = dropWhile(placed, available, floor, () => true);
	shrink(placed, available, (item) => item.column.cut === "end");
	shrink(placed, available, (item) => item.column.cut === "middle");
	const [only] = placed;
	if (placed.length === 1 && only !== undefined) only.width = Math.min(only.width, available);
	return placed;
}

/** Gives the room that is left to what has a limit to grow to, the narrowest first. */
export function spread(placed: readonly Placed[], available: number): void {
	for (let spare = available - total(placed, ({ width }) => width); spare > 0; spare--) {
		const narrowest = placed
			.filter(({ column, width }) => width < column.maxWidth && Number.isFinite(column.maxWidth))
			.reduce<Placed | null>((a, b) => (a === null || b.width < a.width ? b : a), null);
		if (narrowest === null) return;
		narrowest.width++;
	}
}

export function rowText(placed: readonly Placed[], row: number): string {
	return lineText(placed, ({ cells }) => cells[row] ?? "");
}

export function headerText(placed: readonly Placed[]): string {
	return lineText(placed, ({ header }) => header);
}

function lineText(placed: readonly Placed[], cellOf: (item: Placed) => string): string {
	const parts = placed.map((item) => {
		const cell = cutText(cellOf(item), item.width, item.column.cut ?? "end");
		return padText(cell, item.width, item.column.align);
	});
	return parts.join(" ".repeat(GAP)).trimEnd();
}

function total(placed: readonly Placed[], widthOf: (item: Placed) => number): number {
	return placed.reduce((sum, item) => sum + widthOf(item), GAP * (placed.length - 1));
}

function floor(item: Placed): number {
	return item.column.cut === null ? item.width : Math.min(item.width, item.column.minWidth);
}

function wholeAddressFloor(item: Placed): number {
	return item.column.cut === "middle" ? item.width : floor(item);
}

function dropWhile<P extends Placed>(
	placed: P[],
	available: number,
	floorOf: (item: Placed) => number,
	mayGo: (item: Placed) => boolean,
): P[] {
	let left = placed;
	while (left.length > 1 && total(left, floorOf) > available) {
		const least = left.filter(mayGo).reduce<P | null>(lessImportant, null);
		if (least === null) break;
		left = left.filter((item) => item !== least);
	}
	return left;
}

function lessImportant<P extends Placed>(a: P | null, b: P): P {
	return a === null || b.column.importance <= a.column.importance ? b : a;
}

/** Takes from the widest of `chosen`, one by one, down to their floors. */
function shrink(placed: Placed[], available: number, chosen: (item: Placed) => boolean): void {
	for (let excess = total(placed, ({ width }) => width) - available; excess > 0; excess--) {
		const widest = placed
			.filter((item) => chosen(item) && item.width > floor(item))
			.reduce<Placed | null>((a, b) => (a === null || b.width > a.width ? b : a), null);
		if (widest === null) return;
		widest.width--;
	}
}
