/** What the HTTP API answers: a request in, a response out, and nothing else happens. */

import { isoTime } from "../flow/clock.ts";
import { safeJson } from "../sink/text.ts";
import type { ClientConnections, ServiceStats } from "../trace/client-tracer.ts";
import { OPENAPI } from "./openapi.ts";
import { badRequest, noMoreClients, noSuchPath, notAllowed } from "./problems.ts";

/** What is served. */
export interface Served {
	connections(clientId: string): ClientConnections | null;
	forget(clientId: string): void;
	stats(): ServiceStats;
	/** In the text format of Prometheus. */
	metrics(): Promise<{ readonly text: string; readonly contentType: string }>;
}

const now = (): string => isoTime(performance.timeOrigin + performance.now());

type Answer = (served: Served, query: URLSearchParams) => Response | Promise<Response>;

/** Of what a client calls itself. */
const CLIENT_ID = /^[\w.:@-]{1,64}$/;

const ROUTES: Readonly<Record<string, Readonly<Record<string, Answer>>>> = {
	"/connections": {
		GET: (served, query) => {
			const client_id = clientId(query);
			const answer = served.connections(client_id);
			if (answer === null) throw noMoreClients();
			return json({ type: "connections", time: now(), client_id, ...answer });
		},
		DELETE: (served, query) => {
			served.forget(clientId(query));
			return new Response(null, { status: 204 });
		},
	},
	"/healthz": {
		GET: (_, query) => {
			only(query, []);
			return json({ status: "ok" });
		},
	},
	"/metrics": {
		GET: async (served, query) => {
			only(query, []);
			const { text, contentType } = await served.metrics();
			return new Response(text, { headers: { "content-type": contentType } });
		},
	},
	"/openapi.json": {
		GET: (_, query) => {
			only(query, []);
			return json(OPENAPI);
		},
	},
	"/stats": {
		GET: (served, query) => {
			only(query, []);
			return json({ type: "stats", time: now(), ...served.stats() });
		},
	},
};

/** Path → methods. */
export const routes = (): Readonly<Record<string, readonly string[]>> =>
	Object.fromEntries(Object.entries(ROUTES).map(([path, of]) => [path, Object.keys(of)]));

/** Never rejects for what a client has asked. */
export async function respond(request: Request, served: Served): Promise<Response> {
	try {
		const { pathname, searchParams } = new URL(request.url);
		const route = Object.hasOwn(ROUTES, pathname) ? ROUTES[pathname] : undefined;
		if (route === undefined) throw noSuchPath(pathname, Object.keys(ROUTES));
		const method = request.method === "HEAD" ? "GET" : request.method;
		const answer = Object.hasOwn(route, method) ? route[method] : undefined;
		if (answer === undefined) throw notAllowed(request.method, Object.keys(route));
		return await answer(served, searchParams);
	} catch (error) {
		if (error instanceof Response) return error;
		throw error;
	}
}

function clientId(query: URLSearchParams): string {
	only(query, ["client_id"]);
	const [id, ...more] = query.getAll("client_id");
	if (id === undefined || more.length > 0)
		throw badRequest(
			"client_id is missing, or there more than once",
			"/connections?client_id=NAME",
		);
	if (CLIENT_ID.test(id)) return id;
	const hint = "1 to 64 letters, digits, and . : @ _ -";
	throw badRequest("client_id is not a name that a client can have", hint);
}

function only(query: URLSearchParams, known: readonly string[]): void {
	for (const name of query.keys())
		if (!known.includes(name))
			throw badRequest(
				`parameter ${JSON.stringify(name.slice(0, 64))} is unknown`,
				knownText(known),
			);
}

const knownText = (known: readonly string[]): string =>
	known.length === 0 ? "this takes none" : `known: ${known.join(", ")}`;

function json(body: unknown): Response {
	const headers = { "content-type": "application/json", "cache-control": "no-store" };
	return new Response(`${safeJson(JSON.stringify(body))}\n`, { headers });
}
