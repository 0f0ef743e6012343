/** The API, described by itself (OpenAPI 3.1). */

import { VERSION } from "../version.ts";

const TEXT = { type: "string" } as const;
const COUNT = { type: "integer", minimum: 0 } as const;
const orNull = (type: string) => ({ type: [type, "null"] });

const object = (properties: Readonly<Record<string, unknown>>) => ({
	type: "object",
	required: Object.keys(properties),
	properties,
});

const COUNTERS = object({
	...{ bytes_sent: COUNT, bytes_received: COUNT },
	...{ segments_sent: COUNT, segments_received: COUNT, segments_retransmitted: COUNT },
});

const CONNECTION = object({
	...{ id: TEXT, transport: TEXT, family: TEXT, direction: orNull("string"), state: TEXT },
	...{ local_address: TEXT, local_port: COUNT },
	...{ remote_address: orNull("string"), remote_port: orNull("integer") },
	...{ pid: orNull("integer"), tid: orNull("integer"), process: orNull("string") },
	...{ executable: orNull("string"), command_line: orNull("string"), uid: orNull("integer") },
	...{ netns: COUNT, cgroup_id: orNull("string"), container_id: orNull("string") },
	...{ attribution: orNull("string"), opened: orNull("string") },
	...{ preexisting: { type: "boolean" }, duration_ms: orNull("number") },
	...COUNTERS.properties,
	...{ rtt_us: orNull("integer"), rtt_var_us: orNull("integer"), rtt_min_us: orNull("integer") },
	...{ connect_latency_us: orNull("number"), nat: orNull("object") },
	...{ remote_name: orNull("string"), error: orNull("string"), close_reason: orNull("string") },
	...{ is_open: { type: "boolean" }, connections: COUNT, since_last: COUNTERS },
});

const GAP = object({
	...{ type: { const: "gap" }, from: TEXT, to: TEXT, stage: TEXT },
	...{ count: COUNT, hint: orNull("string") },
});

const ERROR = object({ type: { const: "error" }, code: TEXT, message: TEXT, hint: TEXT });

const SCHEMAS = {
	connections: object({
		...{ type: { const: "connections" }, time: TEXT, client_id: TEXT },
		is_new: { type: "boolean" },
		connections: { type: "array", items: CONNECTION },
		lost: object({ closed: COUNT, open: COUNT }),
		gaps: { type: "array", items: GAP },
	}),
	stats: object({
		...{ type: { const: "stats" }, time: TEXT, version: TEXT, kernel: TEXT },
		...{ hooks: { type: "object" }, uptime_ms: COUNT, clients: COUNT, resets: COUNT },
		...{ lost: { type: "object" }, cpu_ms: { type: "number" }, peak_memory_bytes: COUNT },
	}),
	health: object({ status: { const: "ok" } }),
	error: ERROR,
} as const;

const answer = (description: string, schema: keyof typeof SCHEMAS) => ({
	description,
	content: { "application/json": { schema: { $ref: `#/components/schemas/${schema}` } } },
});
const REFUSED = answer("what is wrong with the request", "error");
const FULL = answer("no more clients find room", "error");
const CLIENT = {
	...{ name: "client_id", in: "query", required: true },
	description: "what the client calls itself, each time",
	schema: { type: "string", pattern: "^[\\w.:@-]{1,64}$" },
} as const;

export const OPENAPI = {
	openapi: "3.1.0",
	info: { title: "conntracer", version: VERSION },
	paths: {
		"/connections": {
			get: {
				summary: "What connections have moved since this client asked last; at first, what is open",
				parameters: [CLIENT],
				responses: { 200: answer("since last time", "connections"), 400: REFUSED, 503: FULL },
			},
			delete: {
				summary: "Forgets the client: nothing is kept for it any more",
				parameters: [CLIENT],
				responses: { 204: { description: "it is forgotten" }, 400: REFUSED },
			},
		},
		"/healthz": {
			get: { summary: "Whether it runs", responses: { 200: answer("it does", "health") } },
		},
		"/metrics": {
			get: {
				summary: "For Prometheus",
				responses: { 200: { description: "text", content: { "text/plain": { schema: TEXT } } } },
			},
		},
		"/openapi.json": {
			get: { summary: "This document", responses: { 200: { description: "OpenAPI 3.1" } } },
		},
		"/stats": {
			get: { summary: "How the tracer itself fares", responses: { 200: answer("now", "stats") } },
		},
	},
	components: { schemas: SCHEMAS },
} as const;
