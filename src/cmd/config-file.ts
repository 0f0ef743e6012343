/** The file of --config: TOML, with every long option as a key. */

import { closeSync, openSync, readSync } from "node:fs";
import { UsageError } from "../errors.ts";
import { nearest } from "./nearest.ts";
import { longName, type Options } from "./option.ts";
import type { Given, Layer } from "./settings.ts";

const MOST_BYTES = 2 ** 20;
const MOST_SEARCHED = 2 ** 16;
const MOST_SEARCHED_LINES = 1000;

/**
 * @param given the path, and where it was given; null for no file
 * @param options all of all commands: one file serves every command
 * @throws UsageError
 */
export function configLayer(given: Given | null, options: Options): Layer {
	const path = given?.texts.at(-1);
	if (given === null || path === undefined) return new Map();
	return parseConfig(readText(path, given.where), path, options);
}

function readText(path: string, where: string): string {
	try {
		return readBounded(path);
	} catch (error) {
		if (error instanceof UsageError) throw error;
		const why = messageOf(error).replace(/, \w+ '.*'$/, "");
		throw new UsageError(
			`${where} ${JSON.stringify(path)} cannot be read: ${why}`,
			"write the path of a TOML file",
		);
	}
}

/** Also of a pipe, as `--config <(…)` makes one, which has no size; /dev/zero has no end. */
function readBounded(path: string): string {
	const bytes = new Uint8Array(MOST_BYTES + 1);
	const fd = openSync(path, "r");
	try {
		let length = 0;
		for (let count = -1; count !== 0 && length <= MOST_BYTES; length += count)
			count = readSync(fd, bytes, length, bytes.length - length, null);
		if (length <= MOST_BYTES) return new TextDecoder().decode(bytes.subarray(0, length));
	} finally {
		closeSync(fd);
	}
	throw new UsageError(`${path}: more than ${MOST_BYTES / 2 ** 20} MiB`, "options take far less");
}

function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}

/**
 * @param path as errors name it
 * @throws UsageError
 */
export function parseConfig(text: string, path: string, options: Options): Layer {
	const byKey = new Map(Object.keys(options).map((name) => [longName(name), name]));
	// It is known already, and a file that names another one is not worth the trouble.
	byKey.delete("config");
	const layer = new Map<string, Given>();
	for (const [key, value] of Object.entries(parseToml(text, path))) {
		const name = byKey.get(key);
		if (name === undefined) throw unknownKey(key, path, [...byKey.keys()]);
		const texts =
			options[name]?.isTable && isTable(value)
				? tableTexts(value, `${path}: ${key}`, [...byKey.keys()])
				: textsOf(value, `${path}: ${key}`);
		layer.set(name, { texts, where: `${path}: ${key}` });
	}
	return layer;
}

/** `"10.0.0.0/8" = [80, "udp 53"]` is "10.0.0.0/8 80" and "10.0.0.0/8 udp 53". */
function tableTexts(table: object, where: string, options: readonly string[]): string[] {
	return Object.entries(table).flatMap(([key, value]) => {
		const name = `${where}: ${JSON.stringify(key)}`;
		const guess = nearest(key, options);
		if (guess !== null) {
			const why = "does not belong into this table";
			throw new UsageError(`${name} ${why}`, `write the option ${guess} above the first [table]`);
		}
		if (key.includes(","))
			throw new UsageError(`${name} has a comma`, "give each a line of its own");
		if (isTable(value)) {
			const example = '"10.0.0.1" = [80]';
			throw new UsageError(`${name} is a table of its own`, `write keys in quotes: ${example}`);
		}
		return textsOf(value, name).map((text) => `${key} ${text}`);
	});
}

function isTable(value: unknown): value is object {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseToml(text: string, path: string): object {
	try {
		return Bun.TOML.parse(text);
	} catch (error) {
		const line = lineOfMistake(text);
		throw new UsageError(
			`${path}: ${line === null ? "" : `line ${line}: `}${messageOf(error)}`,
			'lines look like this: interval = "2s"',
		);
	}
}

/** Where what is no TOML begins, as Bun does not say; null for a file so large that it takes long to find. */
function lineOfMistake(text: string): number | null {
	const lines = text.split("\n");
	if (text.length > MOST_SEARCHED || lines.length > MOST_SEARCHED_LINES) return null;
	let last = lines.length;
	while (last > 1 && !isToml(lines.slice(0, last - 1).join("\n"))) last--;
	return last;
}

function isToml(text: string): boolean {
	try {
		Bun.TOML.parse(text);
		return true;
	} catch {
		return false;
	}
}

function textsOf(value: unknown, where: string): string[] {
	const values: unknown[] = Array.isArray(value) ? value : [value];
	const texts = values.flatMap((one) => (isScalar(one) ? [String(one)] : []));
	if (texts.length === values.length && texts.length > 0) return texts;
	throw new UsageError(
		`${where} is neither a text, a number, true or false, nor a list of these`,
		`write for example ${where.slice(where.lastIndexOf(": ") + 2)} = "…"`,
	);
}

function isScalar(value: unknown): value is string | number | boolean {
	return ["string", "number", "boolean"].includes(typeof value);
}

function unknownKey(key: string, path: string, keys: readonly string[]): UsageError {
	const guess = nearest(key, keys);
	return new UsageError(
		`${path}: ${JSON.stringify(key)} is not an option`,
		guess === null ? "keys are the long options of conntracer --help" : `did you mean ${guess}?`,
	);
}
