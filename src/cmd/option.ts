/** An option as data: its names, its help, and how its text becomes a value. */

import { UsageError } from "../errors.ts";
import { nearest } from "./nearest.ts";

export interface OptionHelp {
	/** The heading under which --help lists it. */
	readonly group: string;
	readonly describe: string;
	/** One character. */
	readonly short?: string;
	/** How --help names the default, where it names one. */
	readonly defaultText?: string;
}

export interface Option<T> extends OptionHelp {
	/** Takes no value on the command line; in the environment and the file it is true or false. */
	readonly isFlag: boolean;
	/** What it may be, where that is a short list. */
	readonly choices: readonly string[];
	/** A flag may be short for a value of another option, as --json is for --output json. */
	readonly shortFor: { readonly option: string; readonly value: string } | null;
	/** The file may have it as a table: each key with its values, `"key" = ["value"]`, is "key value". */
	readonly isTable: boolean;
	readonly initial: T;
	/**
	 * @param texts as given, in order; at least one
	 * @throws InvalidValue
	 */
	parse(texts: readonly string[]): T;
}

/** By name in camelCase; see longName. */
export type Options = Readonly<Record<string, Option<unknown>>>;
export type Values<O extends Options> = {
	readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

/** What is wrong with a value. Whoever knows where it was written makes a UsageError of it. */
export class InvalidValue extends Error {
	readonly text: string;
	/** What to write instead. */
	readonly hint: string;

	constructor(text: string, why: string, hint: string) {
		super(why);
		this.text = text;
		this.hint = hint;
	}

	/** @param where for example "--interval" */
	toUsageError(where: string): UsageError {
		return new UsageError(`${where} ${JSON.stringify(this.text)} ${this.message}`, this.hint);
	}
}

/** maxConnections → max-connections, as on the command line and in the file. */
export function longName(name: string): string {
	return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** maxConnections → CONNTRACER_MAX_CONNECTIONS. */
export function environmentName(name: string): string {
	return `CONNTRACER_${longName(name).replaceAll("-", "_").toUpperCase()}`;
}

const PLAIN = { isFlag: false, isTable: false, choices: [], shortFor: null } as const;

/** One value; given more than once, the last one counts. */
export function single<T, I = T>(
	help: OptionHelp,
	initial: I,
	parseOne: (text: string) => T,
): Option<T | I> {
	return { ...PLAIN, ...help, initial, parse: (texts) => parseOne(texts.at(-1) ?? "") };
}

/** As many values as are given. */
export function list<T>(
	help: OptionHelp,
	parseOne: (text: string) => T | readonly T[],
): Option<readonly T[]> {
	return { ...PLAIN, ...help, initial: [], parse: (texts) => texts.flatMap((t) => parseOne(t)) };
}

/** A list whose values have keys in the file. */
export function table<T>(
	help: OptionHelp,
	parseOne: (text: string) => T | readonly T[],
): Option<readonly T[]> {
	return { ...list(help, parseOne), isTable: true };
}

export function choice<const T extends string, I extends T | null>(
	help: OptionHelp,
	choices: readonly T[],
	initial: I,
): Option<T | I> {
	const parse = (texts: readonly string[]) => parseChoice(texts.at(-1) ?? "", choices);
	return { ...PLAIN, ...help, choices, initial, parse };
}

export function flag(help: OptionHelp): Option<boolean> {
	return {
		...PLAIN,
		...help,
		isFlag: true,
		initial: false,
		parse: (t) => parseFlag(t.at(-1) ?? ""),
	};
}

/** A flag that is short for a value of another option. */
export function shorthand(help: OptionHelp, option: string, value: string): Option<boolean> {
	return { ...flag(help), shortFor: { option, value } };
}

/** In lower case. */
export const FLAG_TEXTS: ReadonlyMap<string, boolean> = new Map([
	["true", true],
	["yes", true],
	["on", true],
	["1", true],
	["false", false],
	["no", false],
	["off", false],
	["0", false],
]);

/** @throws InvalidValue */
export function parseFlag(text: string): boolean {
	const value = FLAG_TEXTS.get(text.toLowerCase());
	if (value !== undefined) return value;
	throw new InvalidValue(text, "is neither true nor false", "write true or false");
}

function parseChoice<T extends string>(text: string, choices: readonly T[]): T {
	const found = choices.find((one) => one === text);
	if (found !== undefined) return found;
	const guess = nearest(text, choices);
	const hint = guess === null ? `choose one of ${choices.join(", ")}` : `did you mean ${guess}?`;
	throw new InvalidValue(text, "is unknown", hint);
}
