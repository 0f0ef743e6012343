/** What a column of a table is, for rows of any kind, and how one is found by its name. */

import { UsageError } from "../errors.ts";
import { safeText } from "./text.ts";
import type { Cut } from "./width.ts";

export type Value = string | number | null;

/** What a column is called and how it is laid out, whatever the rows are. */
export interface ColumnShape {
	/** As in the JSON record; a name of its own where it joins or divides fields. */
	readonly name: string;
	readonly alias: string | null;
	/** On a terminal. */
	readonly header: string;
	/** In a pipe, where numbers are plain and in the unit that this names. */
	readonly plainHeader: string;
	readonly align: "left" | "right";
	/** How a cell may be shortened; null: never. */
	readonly cut: Cut | null;
	/** A cell is not cut below `minWidth`; on a terminal it is not wider than `maxWidth`. */
	readonly minWidth: number;
	readonly maxWidth: number;
	/** What it is given from the start in a pipe, where later lines are not known. */
	readonly usualWidth: number;
	/** Where a terminal is too narrow, what matters least goes first; from CORE on, last of all. */
	readonly importance: number;
}

export interface Column<Row> extends ColumnShape {
	/** For machines, and to sort by. */
	value(row: Row): Value;
	/** For people. Safe for a terminal. */
	text(row: Row): string;
}

export const CORE = 10;

export type Rules<Row> = Partial<Omit<Column<Row>, "name" | "header" | "value">>;

export function textColumn<Row>(
	name: string,
	header: string,
	value: (row: Row) => string | null,
	rules: Rules<Row> = {},
): Column<Row> {
	const base = { alias: null, plainHeader: header, align: "left", cut: "end" } as const;
	const widths = { minWidth: 8, maxWidth: Number.POSITIVE_INFINITY, usualWidth: 0 };
	const text = (row: Row) => safeText(value(row) ?? "-");
	return { name, header, ...base, ...widths, importance: 0, value, text, ...rules };
}

export function numberColumn<Row>(
	name: string,
	header: string,
	value: (row: Row) => number | null,
	human: (value: number) => string,
	rules: Rules<Row> = {},
): Column<Row> {
	const base = { alias: null, plainHeader: header, align: "right", cut: null } as const;
	const widths = { minWidth: 0, maxWidth: Number.POSITIVE_INFINITY, usualWidth: 0 };
	const text = (row: Row) => {
		const found = value(row);
		return found === null ? "-" : human(found);
	};
	return { name, header, ...base, ...widths, importance: 0, value, text, ...rules };
}

export function endpoint(address: string, port: number | null): string {
	if (port === null) return address;
	return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Two endpoints fit a usual terminal; IPv6 is shortened in its middle. */
export const ADDRESS = { cut: "middle", minWidth: 12, usualWidth: 21 } as const;
export const ARROWS = { active: "→", passive: "←" } as const;

interface Named {
	readonly remote_name: string | null;
}

/** Who asked for names has a use for them, also where there is little room: both ends of them. */
export const REMOTE_NAME: Column<Named> = textColumn("remote_name", "NAME", (n) => n.remote_name, {
	...{
		alias: "name",
		cut: "middle",
		minWidth: 12,
		usualWidth: 20,
		maxWidth: 40,
		importance: CORE + 1.5,
	},
});

/** Of columns that are shown where nothing else is said: with the name behind what is called so. */
export const withName = (columns: readonly string[]): string[] =>
	columns.flatMap((name) => (name === "remote" ? [name, REMOTE_NAME.name] : [name]));

/** @throws UsageError for a name that is neither a column nor the alias of one */
export function findColumn<Row>(
	columns: readonly Column<Row>[],
	name: string,
	option: string,
	others: readonly string[] = [],
): Column<Row> {
	const wanted = name.trim().toLowerCase();
	const found = columns.find((column) => column.name === wanted || column.alias === wanted);
	if (found !== undefined) return found;
	const names = columns.map(({ name, alias }) => (alias === null ? name : `${name} (${alias})`));
	throw new UsageError(
		`${option} ${JSON.stringify(name)}: there is no such column`,
		`choose from ${[...others, ...names].join(", ")}`,
	);
}

/**
 * What --columns names. On a narrow terminal the later ones go first.
 *
 * @throws UsageError
 */
export function namedColumns<Row>(
	columns: readonly Column<Row>[],
	names: readonly string[],
): Column<Row>[] {
	const wanted = names.length === 0 ? [""] : names;
	return wanted.map((name, index) => ({
		...findColumn(columns, name, "--columns"),
		importance: CORE + wanted.length - index,
	}));
}
