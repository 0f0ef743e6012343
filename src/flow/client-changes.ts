/**
 * Several clients that ask, each at its own pace, what connections have moved: every one of them is
 * told what has changed since its own last question, and of connections that are over once.
 */

import type {
	ChangedConnection,
	ClientAnswer,
	ClientOptions,
	ClientState,
	ConnectionChange,
	CountedConnection,
} from "./client-answers.ts";
import {
	type ConnectionCounters,
	countersOf,
	difference,
	isLess,
	NOTHING_MOVED,
	sum,
} from "./connection-counters.ts";

const DEFAULTS: ClientOptions = {
	mostClients: 64,
	mostClosed: 50_000,
	mostOpen: 75_000,
	expiryMs: 120_000,
};

/** Connections of the same ends that are over. */
interface Ended<C> {
	latest: C;
	ids: Map<string, ConnectionCounters>;
	total: ConnectionCounters;
	since: ConnectionChange;
}

interface Client<C> {
	askedAtMs: number;
	/** Totals, by id, of what was open when it asked last. */
	told: Map<string, ConnectionCounters>;
	/** Of what was open the time before, and not last: its end may not have been told yet. */
	gone: Map<string, ConnectionCounters>;
	/** By their ends. */
	ended: Map<string, Ended<C>>;
	/** Ids of all of those. */
	over: Set<string>;
	lost: { closed: number; open: number };
}

/** What every client has been told, and what is over and it has not been told. */
export class ClientChanges<C extends CountedConnection> {
	readonly #options: ClientOptions;
	readonly #clients = new Map<string, Client<C>>();
	/** Totals that were smaller than what was told before: counted from 0, in all. */
	resets = 0;
	/** Of ClientOptions; those who are there already stay. */
	mostClients: number;

	constructor(options: Partial<ClientOptions> = {}) {
		this.#options = { ...DEFAULTS, ...options };
		this.mostClients = this.#options.mostClients;
	}

	/** Whether it is known, and not forgotten since. */
	has(clientId: string): boolean {
		return this.#clients.has(clientId);
	}

	/** Clients that are known now. */
	get size(): number {
		return this.#clients.size;
	}

	/** A connection is over, with its last totals: every client that is known will be told. */
	close(connection: C): void {
		for (const client of this.#clients.values()) this.#end(client, connection, false);
	}

	/** One was never established: likewise. */
	fail(attempt: C): void {
		for (const client of this.#clients.values()) this.#end(client, attempt, true);
	}

	/**
	 * @param open the totals of all connections that are open now
	 * @returns null where no more clients find room
	 */
	ask(clientId: string, open: Iterable<C>, nowMs: number): ClientAnswer<C> | null {
		this.expire(nowMs);
		const known = this.#clients.get(clientId);
		if (known === undefined && this.#clients.size >= this.mostClients) return null;
		const client = known ?? this.#register(clientId, nowMs);
		const answers = new Map<string, ChangedConnection<C>>();
		for (const [key, ended] of client.ended) answers.set(key, answerOfEnded(ended));
		const told = new Map<string, ConnectionCounters>();
		for (const connection of open) {
			// It was read before it ended.
			if (client.over.has(connection.id)) continue;
			const key = keyOf(connection);
			const since = known === undefined ? unchanged(connection) : this.#since(client, connection);
			answers.set(key, withOpen(answers.get(key), connection, since));
			if (told.size < this.#options.mostOpen) told.set(connection.id, countersOf(connection));
			else client.lost.open++;
		}
		const { lost } = client;
		const interval_ms = known === undefined ? null : Math.round(nowMs - client.askedAtMs);
		client.askedAtMs = nowMs;
		client.gone = without(client.told, told);
		client.told = told;
		client.ended = new Map();
		client.over = new Set();
		client.lost = { closed: 0, open: 0 };
		const connections = [...answers.values()];
		return { is_new: known === undefined, interval_ms, connections, lost };
	}

	/** Connections that are over, and that this client has not asked for. */
	waiting(clientId: string): number {
		return this.#clients.get(clientId)?.over.size ?? 0;
	}

	/** Tells a client of what is over, before it asks for the rest. */
	takeEnded(clientId: string): readonly ChangedConnection<C>[] {
		const client = this.#clients.get(clientId);
		if (client === undefined) return [];
		const ended = [...client.ended.values()].map((one) => answerOfEnded(one));
		client.ended = new Map();
		client.over = new Set();
		return ended;
	}

	/** What it has not been told it never will be. */
	forget(clientId: string): void {
		this.#clients.delete(clientId);
	}

	/** Forgets those that have not asked for long. */
	expire(nowMs: number): void {
		for (const [id, { askedAtMs }] of this.#clients)
			if (nowMs - askedAtMs > this.#options.expiryMs) this.#clients.delete(id);
	}

	/** What is kept for each. */
	states(nowMs: number): ClientState[] {
		return Array.from(this.#clients, ([client, { askedAtMs, told, gone, over, ended, lost }]) => ({
			...{ client, asked_ms_ago: Math.round(nowMs - askedAtMs) },
			...{ open: told.size, gone: gone.size, closed: over.size, closed_rows: ended.size },
			lost: { ...lost },
		}));
	}

	#register(clientId: string, nowMs: number): Client<C> {
		const client: Client<C> = {
			...{ askedAtMs: nowMs, told: new Map(), gone: new Map() },
			...{ ended: new Map(), over: new Set() },
			lost: { closed: 0, open: 0 },
		};
		this.#clients.set(clientId, client);
		return client;
	}

	#end(client: Client<C>, connection: C, isFailed: boolean): void {
		const { id } = connection;
		const isTwice = client.over.has(id);
		const since = isFailed ? FAILED : { ...this.#since(client, connection), connections_closed: 1 };
		client.told.delete(id);
		client.gone.delete(id);
		if (!isTwice && client.over.size >= this.#options.mostClosed) {
			client.lost.closed++;
			return;
		}
		client.over.add(id);
		const key = keyOf(connection);
		const counters = countersOf(connection);
		const known = client.ended.get(key);
		if (known === undefined) {
			const ids = new Map([[id, counters]]);
			client.ended.set(key, { latest: connection, ids, total: counters, since });
			return;
		}
		// One of which the end is told twice counts once, with what is told later.
		const before = known.ids.get(id);
		const more = before === undefined ? counters : difference(counters, before);
		known.ids.set(id, counters);
		known.total = sum(known.total, more);
		known.since = both(known.since, before === undefined ? since : { ...UNCHANGED, ...more });
		known.latest = connection;
	}

	#since(client: Client<C>, connection: C): ConnectionChange {
		const { id } = connection;
		const before = client.told.get(id) ?? client.gone.get(id);
		if (before === undefined) {
			const wasLost = client.told.size >= this.#options.mostOpen;
			if (wasLost) return unchanged(connection);
			return { ...UNCHANGED, connections_opened: 1, ...countersOf(connection) };
		}
		if (!isLess(connection, before)) return { ...UNCHANGED, ...difference(connection, before) };
		this.resets++;
		return { ...UNCHANGED, ...countersOf(connection) };
	}
}

function without<T>(all: ReadonlyMap<string, T>, others: ReadonlyMap<string, T>): Map<string, T> {
	return new Map([...all].filter(([id]) => !others.has(id)));
}

const UNCHANGED: ConnectionChange = {
	...{ connections_opened: 0, connections_failed: 0, connections_closed: 0 },
	...NOTHING_MOVED,
};
const FAILED: ConnectionChange = { ...UNCHANGED, connections_failed: 1 };

function answerOfEnded<C extends CountedConnection>(ended: Ended<C>): ChangedConnection<C> {
	const { latest, total, since, ids } = ended;
	const connections = ids.size - since.connections_failed;
	return { ...latest, ...total, is_open: false, connections, since_last: since };
}

function withOpen<C extends CountedConnection>(
	before: ChangedConnection<C> | undefined,
	connection: C,
	since: ConnectionChange,
): ChangedConnection<C> {
	if (before === undefined)
		return { ...connection, is_open: true, connections: 1, since_last: since };
	return {
		...{ ...connection, ...sum(before, connection), is_open: true },
		...{ connections: before.connections + 1, since_last: both(before.since_last, since) },
	};
}

/** Ids of two connections differ; this may be the same. */
function keyOf(connection: CountedConnection): string {
	const { transport, netns, pid, local_address, local_port } = connection;
	const { remote_address, remote_port } = connection;
	const ends = `${local_address} ${local_port} ${remote_address} ${remote_port}`;
	return `${netns} ${transport} ${pid} ${ends}`;
}

const unchanged = (connection: ConnectionCounters): ConnectionChange => ({
	...UNCHANGED,
	...difference(connection, connection),
});

const both = (a: ConnectionChange, b: ConnectionChange): ConnectionChange => ({
	connections_opened: a.connections_opened + b.connections_opened,
	connections_failed: a.connections_failed + b.connections_failed,
	connections_closed: a.connections_closed + b.connections_closed,
	...sum(a, b),
});
