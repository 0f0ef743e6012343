/** The API, described by itself (OpenAPI 3.1). */

import { VERSION } from "../version.ts";
import { SCHEMAS } from "./schemas.ts";

const answer = (description: string, schema: keyof typeof SCHEMAS) => ({
	description,
	content: { "application/json": { schema: { $ref: `#/components/schemas/${schema}` } } },
});
const REFUSED = answer("what is wrong with the request", "error");
const FULL = answer("no more clients find room", "error");
const TEXT = { type: "string" } as const;
const CLIENT = {
	...{ name: "client_id", in: "query", required: true },
	description: "what the client calls itself, each time",
	schema: { type: "string", pattern: "^[\\w.:@-]{1,64}$" },
} as const;

const CURSOR = {
	...{ name: "cursor", in: "query", required: false },
	description:
		"that of the last answer that arrived: later ones are given again; without, the last one counts as arrived that was sent whole",
	schema: { type: "string", pattern: "^[0-9a-f]{8}-\\d{1,15}$" },
} as const;
const CHANGED = {
	...{ name: "changed", in: "query", required: false },
	description: "without those that are open, and have not moved anything since",
	schema: { type: "boolean", default: false },
} as const;
const AGGREGATE = {
	...{ name: "aggregate", in: "query", required: false, description: "what is one flow" },
	schema: { type: "string", enum: ["process", "service", "connection"], default: "process" },
} as const;
const LAST_EVENT = {
	description: "the id of the event that was seen last: goes on behind it",
	...{ required: false, schema: { type: "string" } },
} as const;
/** As `conntracer events` has them, with `_` for `-`. */
const FILTERS = {
	...{ name: "filter", in: "query", required: false, style: "form", explode: true },
	description: "the filter options of conntracer events: process, remote, port, events, failed, …",
	schema: { type: "object", additionalProperties: { type: "string" } },
} as const;

const get = (summary: string, description: string, schema: keyof typeof SCHEMAS) => ({
	get: { summary, responses: { 200: answer(description, schema), 400: REFUSED } },
});
const forget = {
	summary: "Forgets the client: nothing is kept for it any more",
	parameters: [CLIENT],
	responses: { 204: { description: "it is forgotten" }, 400: REFUSED },
} as const;

export const OPENAPI = {
	openapi: "3.1.0",
	info: { title: "conntracer", version: VERSION },
	paths: {
		"/connections": {
			get: {
				summary: "What connections have moved since this client asked last; at first, what is open",
				parameters: [CLIENT, CURSOR, CHANGED],
				responses: { 200: answer("since last time", "connections"), 400: REFUSED, 503: FULL },
			},
			delete: forget,
		},
		"/debug/maps": get("All that is open, whatever the filter says", "now", "debug_maps"),
		"/debug/state": get("What is kept for each client", "now", "debug_state"),
		"/dns": {
			get: {
				summary: "How servers of DNS have answered since this client asked last; takes --dns",
				parameters: [CLIENT, CURSOR],
				responses: { 200: answer("since last time", "dns_statistics"), 400: REFUSED, 503: FULL },
			},
			delete: forget,
		},
		"/doctor": get("What this machine can trace", "as it was found at the start", "doctor"),
		"/events": {
			get: {
				summary: "Each thing that happens to a connection, from now on, as server-sent events",
				parameters: [
					FILTERS,
					{ ...LAST_EVENT, name: "Last-Event-ID", in: "header" },
					{ ...LAST_EVENT, name: "last_event_id", in: "query" },
				],
				responses: {
					200: {
						description: "ready at first, then event and gap: records as in JSON lines",
						content: { "text/event-stream": { schema: TEXT } },
					},
					...{ 400: REFUSED, 503: FULL },
				},
			},
		},
		"/flows": {
			get: {
				summary: "The same as /connections, added up by flows",
				parameters: [CLIENT, CURSOR, AGGREGATE],
				responses: { 200: answer("since last time", "flows"), 400: REFUSED, 503: FULL },
			},
			delete: forget,
		},
		"/healthz": get("Whether it runs", "it does", "health"),
		"/metrics": {
			get: {
				summary: "For Prometheus",
				responses: { 200: { description: "text", content: { "text/plain": { schema: TEXT } } } },
			},
		},
		"/openapi.json": {
			get: { summary: "This document", responses: { 200: { description: "OpenAPI 3.1" } } },
		},
		"/stats": get("How the tracer itself fares", "now", "stats"),
	},
	components: { schemas: SCHEMAS },
} as const;
