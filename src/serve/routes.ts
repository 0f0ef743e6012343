/** What the HTTP API answers: a request in, a response out, and nothing else happens. */

import { UsageError } from "../errors.ts";
import type { ClientState } from "../flow/client-answers.ts";
import { DNS_LATENCY_BOUNDS_S, type DnsStatisticsAnswer } from "../flow/dns-statistics.ts";
import type { DoctorRecord } from "../flow/doctor.ts";
import type { Aggregate } from "../flow/records.ts";
import type {
	ClientConnection,
	ClientConnections,
	ClientFlows,
	ServiceProbes,
	ServiceStats,
} from "../trace/client-records.ts";
import { nowIso } from "../trace/clock.ts";
import { Bodies } from "./body.ts";
import { jsonPieces } from "./json-text.ts";
import { OPENAPI } from "./openapi.ts";
import { badRequest, busy, noMoreClients, noSuchPath, notAllowed } from "./problems.ts";
import { type Asker, aggregateOf, askerOf, clientId, isFlagged, only } from "./query.ts";

/** How the service fares, and what it has in the kernel. */
export interface ServedStats extends ServiceStats {
	readonly probes: ServiceProbes;
}

/** An answer that is given again unless it arrives. */
export interface Telling<A> {
	readonly answer: A;
	/** Whether it was handed over whole. */
	delivered(isWhole: boolean): void;
}

/** What is served. */
export interface Served {
	/**
	 * @param isAll also what is open, and has moved nothing since the client asked last
	 * @returns null where no more clients find room, as the next two
	 */
	connections(asker: Asker, isAll: boolean): Telling<ClientConnections> | null;
	forget(clientId: string): void;
	flows(asker: Asker, aggregate: Aggregate): Telling<ClientFlows> | null;
	forgetFlows(clientId: string): void;
	/**
	 * Server-sent events; null where there is no more room.
	 *
	 * @throws UsageError
	 */
	events(query: URLSearchParams, lastId: string | null): ReadableStream<Uint8Array> | null;
	/**
	 * How servers of DNS have answered since the client asked last.
	 *
	 * @throws UsageError where nobody listens
	 */
	dns(asker: Asker): Telling<DnsStatisticsAnswer> | null;
	/** @throws UsageError */
	forgetDns(clientId: string): void;
	stats(): ServedStats;
	/** In the text format of Prometheus. */
	metrics(): Promise<{ readonly text: string; readonly contentType: string }>;
	doctor(): DoctorRecord;
	debugMaps(): readonly ClientConnection[];
	debugState(): readonly ClientState[];
}

/** What a route is given of a request. */
interface Asked {
	readonly query: URLSearchParams;
	readonly headers: Headers;
	/** Nobody is told anything, and nothing is to change. */
	readonly isHead: boolean;
	/** Aborts where whoever asked is gone before the answer was sent. */
	readonly gone: AbortSignal;
}

type Answer = (served: Served, asked: Asked) => Response | Promise<Response>;

/** Long answers that clients have not read yet. */
const bodies = new Bodies(64);

const ROUTES: Readonly<Record<string, Readonly<Record<string, Answer>>>> = {
	"/connections": {
		GET: telling("connections", ["changed"], (served, asker, query) =>
			served.connections(asker, !isFlagged(query, "changed")),
		),
		DELETE: (served, { query }) => {
			served.forget(clientId(query));
			return new Response(null, { status: 204 });
		},
	},
	"/debug/maps": {
		GET: plain((served) => ({
			...{ type: "debug_maps", time: nowIso(), connections: served.debugMaps() },
		})),
	},
	"/debug/state": {
		GET: plain((served) => ({
			...{ type: "debug_state", time: nowIso(), clients: served.debugState() },
		})),
	},
	"/dns": {
		GET: telling("dns_statistics", [], (served, asker) => {
			const told = served.dns(asker);
			if (told === null) return null;
			return { ...told, answer: { latency_bounds_s: DNS_LATENCY_BOUNDS_S, ...told.answer } };
		}),
		DELETE: (served, { query }) => {
			served.forgetDns(clientId(query));
			return new Response(null, { status: 204 });
		},
	},
	"/doctor": { GET: plain((served) => served.doctor()) },
	"/events": {
		GET: (served, { query, headers, isHead }) => {
			const lastId = headers.get("last-event-id") ?? query.get("last_event_id");
			query.delete("last_event_id");
			if (isHead) return new Response(null, { headers: STREAM });
			const stream = served.events(query, lastId) ?? noRoom();
			return new Response(stream, { headers: STREAM });
		},
	},
	"/flows": {
		GET: telling("flows", ["aggregate"], (served, asker, query) =>
			served.flows(asker, aggregateOf(query)),
		),
		DELETE: (served, { query }) => {
			served.forgetFlows(clientId(query));
			return new Response(null, { status: 204 });
		},
	},
	"/healthz": { GET: plain(() => ({ status: "ok" })) },
	"/metrics": {
		GET: async (served, { query }) => {
			only(query, []);
			const { text, contentType } = await served.metrics();
			return new Response(bodies.of([text]), { headers: { "content-type": contentType } });
		},
	},
	"/openapi.json": { GET: plain(() => OPENAPI) },
	"/stats": { GET: plain((served) => ({ type: "stats", time: nowIso(), ...served.stats() })) },
};

/** Path → methods. */
export const routes = (): Readonly<Record<string, readonly string[]>> =>
	Object.fromEntries(Object.entries(ROUTES).map(([path, of]) => [path, Object.keys(of)]));

/** Never rejects for what a client has asked. */
export async function respond(request: Request, served: Served): Promise<Response> {
	try {
		const { pathname, searchParams: query } = new URL(request.url);
		const route = Object.hasOwn(ROUTES, pathname) ? ROUTES[pathname] : undefined;
		if (route === undefined) throw noSuchPath(pathname, Object.keys(ROUTES));
		const { headers, signal: gone } = request;
		const isHead = request.method === "HEAD";
		const method = isHead ? "GET" : request.method;
		const answer = Object.hasOwn(route, method) ? route[method] : undefined;
		if (answer === undefined) throw notAllowed(request.method, Object.keys(route));
		if (bodies.isFull) throw busy();
		const response = await answer(served, { query, headers, isHead, gone });
		return isHead ? await headOf(response) : response;
	} catch (error) {
		if (error instanceof Response) return error;
		if (error instanceof UsageError) return badRequest(error.message, error.hint);
		throw error;
	}
}

/** What nobody will read is not kept. */
async function headOf({ body, status, headers }: Response): Promise<Response> {
	await body?.cancel();
	return new Response(null, { status, headers });
}

/** Of a path at which each client is told what it was not told yet. */
function telling(
	type: string,
	parameters: readonly string[],
	ask: (served: Served, asker: Asker, query: URLSearchParams) => Telling<object> | null,
): Answer {
	return (served, { query, isHead, gone }) => {
		const asker = askerOf(query, ...parameters);
		if (isHead) return new Response(null, { headers: JSON_TEXT });
		const told = ask(served, asker, query) ?? noRoom();
		// Handed over is not sent: whoever is gone before that was not told.
		gone.addEventListener("abort", () => told.delivered(false));
		const body = { type, time: nowIso(), client_id: asker.clientId, ...told.answer };
		return json(body, () => told.delivered(!gone.aborted));
	};
}

/** Of a path that takes no parameters. */
function plain(of: (served: Served) => object): Answer {
	return (served, { query }) => {
		only(query, []);
		return json(of(served));
	};
}

function noRoom(): never {
	throw noMoreClients();
}

const STREAM = { "content-type": "text/event-stream", "cache-control": "no-store" };
const JSON_TEXT = { "content-type": "application/json", "cache-control": "no-store" };

const json = (body: object, handedOver?: () => void): Response =>
	new Response(bodies.of(jsonPieces(body), handedOver), { headers: JSON_TEXT });
