/** The file of --config: TOML, with every long option as a key. */

import { readFileSync } from "node:fs";
import { UsageError } from "../errors.ts";
import { nearest } from "./nearest.ts";
import { longName } from "./option.ts";
import type { Given, Layer } from "./settings.ts";

/**
 * @param given the path, and where it was given; null for no file
 * @param names all options of all commands, in camelCase: one file serves every command
 * @throws UsageError
 */
export function configLayer(given: Given | null, names: readonly string[]): Layer {
	const path = given?.texts.at(-1);
	if (given === null || path === undefined) return new Map();
	return parseConfig(readText(path, given.where), path, names);
}

function readText(path: string, where: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch (error) {
		const why = messageOf(error).replace(/, \w+ '.*'$/, "");
		throw new UsageError(
			`${where} ${JSON.stringify(path)} cannot be read: ${why}`,
			"write the path of a TOML file",
		);
	}
}

function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}

/** @throws UsageError */
function parseConfig(text: string, path: string, names: readonly string[]): Layer {
	const byKey = new Map(names.map((name) => [longName(name), name]));
	// It is known already, and a file that names another one is not worth the trouble.
	byKey.delete("config");
	const layer = new Map<string, Given>();
	for (const [key, value] of Object.entries(parseToml(text, path))) {
		const name = byKey.get(key);
		if (name === undefined) throw unknownKey(key, path, [...byKey.keys()]);
		layer.set(name, { texts: textsOf(value, key, path), where: `${path}: ${key}` });
	}
	return layer;
}

function parseToml(text: string, path: string): object {
	try {
		return Bun.TOML.parse(text);
	} catch (error) {
		throw new UsageError(`${path}: ${messageOf(error)}`, 'lines look like this: interval = "2s"');
	}
}

function textsOf(value: unknown, key: string, path: string): string[] {
	const values: unknown[] = Array.isArray(value) ? value : [value];
	const texts = values.flatMap((one) => (isScalar(one) ? [String(one)] : []));
	if (texts.length === values.length && texts.length > 0) return texts;
	throw new UsageError(
		`${path}: ${key} is neither a text, a number, true or false, nor a list of these`,
		`write for example ${key} = "…"`,
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
