/** Where the API can be reached: a Unix socket, and loopback where that is asked for. */

import { timingSafeEqual } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, type Stats, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { UsageError } from "../errors.ts";
import { failed, noToken } from "./problems.ts";
import { respond, type Served } from "./routes.ts";

/** Nobody but who runs it. */
const SOCKET_MODE = 0o600;
const UMASK = 0o177;
/** A request has nothing but its line and headers. */
const MOST_BODY_BYTES = 1024;
/** A client that neither asks nor reads; on a Unix socket it holds for streams alone. */
const IDLE_SECONDS = 30;
const ANSWER_MS = 1000;

export interface Loopback {
	readonly hostname: string;
	readonly port: number;
	/** Whoever asks there must know it, as it is then. */
	token: string;
}

export interface Listening extends Disposable {
	/** For people: `unix:/run/…`, `http://127.0.0.1:…`. */
	readonly places: readonly string[];
}

const COMMON = { maxRequestBodySize: MOST_BODY_BYTES, development: false };
/** Bun's types do not know that it is for Unix sockets, too. */
const IDLE: object = { idleTimeout: IDLE_SECONDS };

export interface Places {
	readonly socket: string;
	/** Null: nowhere else. */
	readonly loopback: Loopback | null;
}

/**
 * After requireFree().
 *
 * @param report is told what went wrong in an answer
 * @throws UsageError
 */
export function listen(
	served: Served,
	{ socket, loopback }: Places,
	report: (error: Error) => void,
): Listening {
	const common = {
		...COMMON,
		error(error: Error): Response {
			report(error);
			return failed();
		},
	};
	opened(dirname(socket), () => mkdirSync(dirname(socket), { recursive: true }));
	// Of a run that was killed it is still there.
	removeSocket(socket);
	using owned = new DisposableStack();
	const before = process.umask(UMASK);
	try {
		const fetch = (request: Request): Promise<Response> => respond(request, served);
		const server = opened(socket, () => Bun.serve({ ...common, ...IDLE, unix: socket, fetch }));
		chmodSync(socket, SOCKET_MODE);
		owned.defer(() => void server.stop(true));
	} finally {
		process.umask(before);
	}
	owned.defer(() => removeSocket(socket));
	const places = [`unix:${socket}`];
	if (loopback !== null) {
		const { hostname, port } = loopback;
		const isKnown = tokenTest(() => loopback.token);
		const fetch = (request: Request): Response | Promise<Response> =>
			isKnown(request) ? respond(request, served) : noToken();
		// Without development the port is shared with others, unless told.
		const there = { ...IDLE, hostname, port, reusePort: false, fetch };
		const server = opened(`${hostname}:${port}`, () => Bun.serve({ ...common, ...there }));
		owned.defer(() => void server.stop(true));
		places.push(server.url.origin);
	}
	const kept = owned.move();
	return { places, [Symbol.dispose]: () => kept.dispose() };
}

/** @throws UsageError where nobody can be served there */
function opened<T>(place: string, open: () => T): T {
	try {
		return open();
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		throw new UsageError(`${JSON.stringify(place)}: ${why}`, "choose another place", {
			cause: error,
		});
	}
}

/** Not by how long it takes. */
function tokenTest(token: () => string): (request: Request) => boolean {
	return ({ headers }) =>
		timingSafeEqual(hash(headers.get("authorization") ?? ""), hash(`Bearer ${token()}`));
}

const hash = (text: string): Uint8Array => new Bun.CryptoHasher("sha256").update(text).digest();

/**
 * Nothing is there, or a socket at which nobody answers.
 *
 * @throws UsageError
 */
export async function requireFree(path: string): Promise<void> {
	const found = statusOf(path);
	if (found === null) return;
	const hint = "name another one with --socket";
	if (!found.isSocket()) throw new UsageError(`${JSON.stringify(path)} is no socket`, hint);
	if (await isAnswered(path))
		throw new UsageError(`${JSON.stringify(path)} is served by another process`, hint);
}

/** Null where nothing is there, or that may not be seen: to listen there will say why. */
function statusOf(path: string): Stats | null {
	try {
		return lstatSync(path);
	} catch {
		return null;
	}
}

async function isAnswered(path: string): Promise<boolean> {
	try {
		const signal = AbortSignal.timeout(ANSWER_MS);
		await fetch("http://localhost/healthz", { unix: path, signal });
		return true;
	} catch (error) {
		return error instanceof Error && error.name === "TimeoutError";
	}
}

function removeSocket(path: string): void {
	if (statusOf(path)?.isSocket()) unlinkSync(path);
}
