/**
 * Where the value of an option comes from: the command line, else the environment, else the file.
 * Each is a layer of texts; only what wins is parsed.
 */

import { UsageError } from "../errors.ts";
import { environmentName, InvalidValue, type Options, parseFlag, type Values } from "./option.ts";

/** What was written, and how an error names the place. */
export interface Given {
	readonly texts: readonly string[];
	readonly where: string;
}

/** By the option's name in camelCase. */
export type Layer = ReadonlyMap<string, Given>;

/** CONNTRACER_… of each option; one that is empty counts as not set. */
export function environmentLayer(
	options: Options,
	env: Readonly<Record<string, string | undefined>>,
): Layer {
	const layer = new Map<string, Given>();
	for (const name of Object.keys(options)) {
		const where = environmentName(name);
		const text = env[where];
		if (text !== undefined && text !== "") layer.set(name, { texts: [text], where });
	}
	return layer;
}

/**
 * The value of each option, from the first layer that has it, else its initial value.
 *
 * @throws UsageError
 */
export function resolve<O extends Options>(options: O, layers: readonly Layer[]): Values<O> {
	const expanded = layers.map((layer) => expandShorthands(options, layer));
	const values: Record<string, unknown> = {};
	for (const [name, option] of Object.entries(options)) {
		const given = expanded.find((layer) => layer.has(name))?.get(name);
		values[name] = given === undefined ? option.initial : parseGiven(given, option.parse);
	}
	return values as Values<O>;
}

/** Puts what a flag is short for into its own layer, so that it beats the layers below. */
function expandShorthands(options: Options, layer: Layer): Layer {
	const expanded = new Map(layer);
	for (const [name, { shortFor }] of Object.entries(options)) {
		const given = layer.get(name);
		if (shortFor === null || given === undefined) continue;
		if (!parseGiven(given, (texts) => parseFlag(texts.at(-1) ?? ""))) continue;
		const other = expanded.get(shortFor.option);
		if (other !== undefined && other.texts.at(-1) !== shortFor.value) {
			throw new UsageError(
				`${other.where} and ${given.where} contradict each other`,
				"give only one of them",
			);
		}
		expanded.set(shortFor.option, { texts: [shortFor.value], where: given.where });
	}
	return expanded;
}

function parseGiven<T>(given: Given, parse: (texts: readonly string[]) => T): T {
	try {
		return parse(given.texts);
	} catch (error) {
		throw error instanceof InvalidValue ? error.toUsageError(given.where) : error;
	}
}

/** What wins, unparsed; for what must be known even if the rest is wrong. */
export function peek(layers: readonly Layer[], name: string): Given | null {
	return layers.find((layer) => layer.has(name))?.get(name) ?? null;
}
