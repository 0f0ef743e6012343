/** From the text of an option to numbers, times, sizes, paths. All throw InvalidValue. */

import { accessSync, constants } from "node:fs";
import { readExclusions } from "../flow/exclusions.ts";
import { InvalidValue } from "./option.ts";

export interface Range {
	readonly least: number;
	readonly most: number;
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const MULTIPLIERS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** "250ms", "2s", "1m", "1h"; a bare number is seconds. Returns whole milliseconds. */
export function parseDuration(range: Range): (text: string) => number {
	return (text) => {
		const [, digits, unit = "s"] = /^(\d+(?:\.\d+)?|\.\d+)(ms|s|m|h)?$/.exec(text) ?? [];
		if (digits === undefined) {
			throw new InvalidValue(text, "is not a duration", "write for example 250ms, 2s or 1m");
		}
		const ms = Math.round(Number(digits) * (UNITS_MS[unit] ?? 1));
		return within(ms, text, range, formatDuration);
	};
}

/** In the largest unit that leaves a whole number. */
export function formatDuration(ms: number): string {
	const fitting = Object.entries(UNITS_MS).findLast(([, size]) => ms % size === 0);
	return fitting === undefined ? `${ms}ms` : `${ms / fitting[1]}${fitting[0]}`;
}

/** A whole number. */
export function parseInteger(range: Range): (text: string) => number {
	return (text) => {
		if (!/^\d+$/.test(text)) {
			throw new InvalidValue(text, "is not a whole number", bounds(range, String));
		}
		return within(Number(text), text, range, String);
	};
}

/** A whole number, where 64k stands for 65536 and 16m for 16777216. */
export function parseSize(range: Range): (text: string) => number {
	return (text) => {
		const [, digits, suffix = ""] = /^(\d+)([kmg]?)$/i.exec(text) ?? [];
		if (digits === undefined) {
			throw new InvalidValue(text, "is not a size", "write for example 50000, 64k or 1m");
		}
		return within(Number(digits) * (MULTIPLIERS[suffix.toLowerCase()] ?? 1), text, range, String);
	};
}

/** What stands between commas; an empty part is a mistake. */
export function parseCommaList<T>(parseOne: (text: string) => T): (text: string) => T[] {
	return (text) => text.split(",").map((part) => parseOne(parseText(part.trim())));
}

/** Any text but none. */
export function parseText(text: string): string {
	if (text === "")
		throw new InvalidValue(text, "is empty", "write a value, or leave the option out");
	return text;
}

/** Rules of what is left out, as they are written. */
export function parseExclusion(text: string): string {
	readExclusions(text, (rule, why, hint) => new InvalidValue(rule, why, hint));
	return text;
}

/** The path of a file that this user may read. */
export function parseFile(text: string): string {
	try {
		accessSync(text, constants.R_OK);
		return text;
	} catch {
		throw new InvalidValue(text, "cannot be read", "write the path of a file");
	}
}

function within(
	value: number,
	text: string,
	range: Range,
	show: (value: number) => string,
): number {
	if (value >= range.least && value <= range.most) return value;
	throw new InvalidValue(text, "is out of range", bounds(range, show));
}

function bounds({ least, most }: Range, show: (value: number) => string): string {
	return `write ${show(least)} to ${show(most)}`;
}
