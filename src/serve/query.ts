/** Parameters of requests. Whatever is wrong with them is thrown as the answer. */

import type { Aggregate } from "../flow/records.ts";
import { badRequest } from "./problems.ts";

/** Of what a client calls itself. */
const CLIENT_ID = /^[\w.:@-]{1,64}$/;
const AGGREGATES = ["process", "service", "connection"] as const satisfies readonly Aggregate[];

/** Who asks, and what it has. */
export interface Asker {
	readonly clientId: string;
	/** Of the last answer that arrived; null where it does not say. */
	readonly cursor: string | null;
}

/** As answers have it. */
const CURSOR = /^[0-9a-f]{8}-\d{1,15}$/;

/** @param others parameters that there may be besides */
export function askerOf(query: URLSearchParams, ...others: readonly string[]): Asker {
	const id = clientId(query, "cursor", ...others);
	const cursor = single(query, "cursor");
	if (cursor === null || CURSOR.test(cursor)) return { clientId: id, cursor };
	throw badRequest("cursor is not one of an answer", "cursor=… as the last answer has it");
}

/** @param others parameters that there may be besides */
export function clientId(query: URLSearchParams, ...others: readonly string[]): string {
	only(query, ["client_id", ...others]);
	const id = single(query, "client_id");
	if (id === null) throw badRequest("client_id is missing", "client_id=NAME");
	if (CLIENT_ID.test(id)) return id;
	const hint = "1 to 64 letters, digits, and . : @ _ -";
	throw badRequest("client_id is not a name that a client can have", hint);
}

/** `process` where nothing is said. */
export function aggregateOf(query: URLSearchParams): Aggregate {
	const text = single(query, "aggregate") ?? "process";
	const found = AGGREGATES.find((one) => one === text);
	if (found !== undefined) return found;
	throw badRequest("aggregate is unknown", `one of ${AGGREGATES.join(", ")}`);
}

/** Where nothing is said: false. */
export function isFlagged(query: URLSearchParams, name: string): boolean {
	const text = single(query, name) ?? "false";
	if (text === "true" || text === "false") return text === "true";
	throw badRequest(`${name} is neither true nor false`, `${name}=true`);
}

export function only(query: URLSearchParams, known: readonly string[]): void {
	for (const name of query.keys())
		if (!known.includes(name))
			throw badRequest(
				`parameter ${JSON.stringify(name.slice(0, 64))} is unknown`,
				known.length === 0 ? "this takes none" : `known: ${known.join(", ")}`,
			);
}

function single(query: URLSearchParams, name: string): string | null {
	const [value, ...more] = query.getAll(name);
	if (more.length > 0) throw badRequest(`${name} is there more than once`, "say it once");
	return value ?? null;
}
