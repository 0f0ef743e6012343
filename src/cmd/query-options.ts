/** Options as the parameters of a query: the same names, with `_` where the command line has `-`. */

import { UsageError } from "../errors.ts";
import { nearest } from "./nearest.ts";
import { longName, type Options, type Values } from "./option.ts";
import { type Given, resolve } from "./settings.ts";

/** @throws UsageError */
export function queryValues<O extends Options>(options: O, query: URLSearchParams): Values<O> {
	const byParameter = new Map(Object.keys(options).map((name) => [parameterName(name), name]));
	const layer = new Map<string, Given>();
	for (const parameter of new Set(query.keys())) {
		const name = byParameter.get(parameter);
		if (name === undefined) throw unknown(parameter, [...byParameter.keys()]);
		layer.set(name, { texts: query.getAll(parameter), where: parameter });
	}
	return resolve(options, [layer]);
}

const parameterName = (name: string): string => longName(name).replaceAll("-", "_");

function unknown(parameter: string, known: readonly string[]): UsageError {
	const guess = nearest(parameter, known);
	const hint = guess === null ? `known: ${known.join(", ")}` : `did you mean ${guess}?`;
	return new UsageError(`parameter ${JSON.stringify(parameter.slice(0, 64))} is unknown`, hint);
}
