/** JSON in pieces, so that a long list is never one long text. */

import { safeJson } from "../sink/text.ts";

/** An object as one line; where a field is a list each of its elements is a piece. */
export function* jsonPieces(body: object): Generator<string, void, undefined> {
	let before = "{";
	for (const [name, value] of Object.entries(body)) {
		yield `${before}${JSON.stringify(name)}:`;
		if (Array.isArray(value)) yield* listPieces(value);
		else yield text(value);
		before = ",";
	}
	yield before === "{" ? "{}\n" : "}\n";
}

function* listPieces(list: readonly unknown[]): Generator<string, void, undefined> {
	let before = "[";
	for (const element of list) {
		yield before + text(element);
		before = ",";
	}
	yield before === "[" ? "[]" : "]";
}

const text = (value: unknown): string => safeJson(JSON.stringify(value));
