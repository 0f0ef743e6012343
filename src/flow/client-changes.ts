/**
 * Several clients that ask, each at its own pace, what connections have moved: every one of them is
 * told what has changed since its own last question, and of connections that are over once.
 */

import type { ConnectionFields } from "./records.ts";

const COUNTERS = [
	...(["bytes_sent", "bytes_received"] as const),
	...(["segments_sent", "segments_received", "segments_retransmitted"] as const),
] as const;

/** Totals of a connection since it was opened. */
export type ConnectionCounters = Pick<ConnectionFields, (typeof COUNTERS)[number]>;

/** What a connection is known by, and its totals; whatever else it has is handed on. */
export type CountedConnection = ConnectionCounters &
	Pick<ConnectionFields, "id" | "transport" | "netns" | "pid"> &
	Pick<ConnectionFields, "local_address" | "local_port" | "remote_address" | "remote_port">;

/**
 * Connections of one process with the same ends, one after the other, as one: those that were open
 * at any time since the client's last question. Their totals are added up.
 */
export type ChangedConnection<C extends CountedConnection> = C & {
	/** False: the last of them is over, and this is the last that is told of it. */
	readonly is_open: boolean;
	/** How many they are. */
	readonly connections: number;
	/** What they have moved since then; 0 in the answer to the first question of a client. */
	readonly since_last: ConnectionCounters;
};

/** The answer to one question. */
export interface ClientAnswer<C extends CountedConnection> {
	/** The client was not known, or not any more: all that is open, and nothing of what is over. */
	readonly is_new: boolean;
	readonly connections: readonly ChangedConnection<C>[];
	/** Since its last question. */
	readonly lost: ClientLosses;
}

/** What one client is not told. */
export interface ClientLosses {
	/** Connections that were over, and for which there was no room until it asked. */
	readonly closed: number;
	/** Open connections of which it was not kept what was told: what they have moved since is 0 this time. */
	readonly open: number;
}

/** Bounds of what clients can make grow. */
export interface ClientOptions {
	/** Clients at one time. Default 64. */
	readonly mostClients: number;
	/** Of each client: connections that are over and that it has not asked for. Default 50,000. */
	readonly mostClosed: number;
	/** Of each client: open connections whose totals are remembered. Default 75,000. */
	readonly mostOpen: number;
	/** A client that has not asked for so long is forgotten. Default two minutes. */
	readonly expiryMs: number;
}

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
	since: ConnectionCounters;
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
		for (const client of this.#clients.values()) this.#end(client, connection);
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
			const since = known === undefined ? NOTHING : this.#since(client, connection);
			answers.set(key, withOpen(answers.get(key), connection, since));
			if (told.size < this.#options.mostOpen) told.set(connection.id, countersOf(connection));
			else client.lost.open++;
		}
		const { lost } = client;
		client.askedAtMs = nowMs;
		client.gone = without(client.told, told);
		client.told = told;
		client.ended = new Map();
		client.over = new Set();
		client.lost = { closed: 0, open: 0 };
		return { is_new: known === undefined, connections: [...answers.values()], lost };
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

	#register(clientId: string, nowMs: number): Client<C> {
		const client: Client<C> = {
			...{ askedAtMs: nowMs, told: new Map(), gone: new Map() },
			...{ ended: new Map(), over: new Set() },
			lost: { closed: 0, open: 0 },
		};
		this.#clients.set(clientId, client);
		return client;
	}

	#end(client: Client<C>, connection: C): void {
		const { id } = connection;
		const isTwice = client.over.has(id);
		const since = this.#since(client, connection);
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
		known.since = sum(known.since, before === undefined ? since : more);
		known.latest = connection;
	}

	#since(client: Client<C>, connection: C): ConnectionCounters {
		const { id } = connection;
		const before = client.told.get(id) ?? client.gone.get(id);
		if (before === undefined) {
			const wasLost = client.told.size >= this.#options.mostOpen;
			return wasLost ? NOTHING : countersOf(connection);
		}
		const isReset = COUNTERS.some((name) => connection[name] < before[name]);
		if (!isReset) return difference(connection, before);
		this.resets++;
		return countersOf(connection);
	}
}

function without<T>(all: ReadonlyMap<string, T>, others: ReadonlyMap<string, T>): Map<string, T> {
	return new Map([...all].filter(([id]) => !others.has(id)));
}

const NOTHING: ConnectionCounters = {
	...{ bytes_sent: 0, bytes_received: 0 },
	...{ segments_sent: 0, segments_received: 0, segments_retransmitted: 0 },
};

function answerOfEnded<C extends CountedConnection>(ended: Ended<C>): ChangedConnection<C> {
	const { latest, total, since, ids } = ended;
	return { ...latest, ...total, is_open: false, connections: ids.size, since_last: since };
}

function withOpen<C extends CountedConnection>(
	before: ChangedConnection<C> | undefined,
	connection: C,
	since: ConnectionCounters,
): ChangedConnection<C> {
	if (before === undefined)
		return { ...connection, is_open: true, connections: 1, since_last: since };
	return {
		...{ ...connection, ...sum(before, connection), is_open: true },
		...{ connections: before.connections + 1, since_last: sum(before.since_last, since) },
	};
}

/** Ids of two connections differ; this may be the same. */
function keyOf(connection: CountedConnection): string {
	const { transport, netns, pid, local_address, local_port } = connection;
	const { remote_address, remote_port } = connection;
	const ends = `${local_address} ${local_port} ${remote_address} ${remote_port}`;
	return `${netns} ${transport} ${pid} ${ends}`;
}

const countersOf = (of: ConnectionCounters): ConnectionCounters => ({
	bytes_sent: of.bytes_sent,
	bytes_received: of.bytes_received,
	segments_sent: of.segments_sent,
	segments_received: of.segments_received,
	segments_retransmitted: of.segments_retransmitted,
});

const difference = (a: ConnectionCounters, b: ConnectionCounters): ConnectionCounters => ({
	bytes_sent: a.bytes_sent - b.bytes_sent,
	bytes_received: a.bytes_received - b.bytes_received,
	segments_sent: a.segments_sent - b.segments_sent,
	segments_received: a.segments_received - b.segments_received,
	segments_retransmitted: a.segments_retransmitted - b.segments_retransmitted,
});

const sum = (a: ConnectionCounters, b: ConnectionCounters): ConnectionCounters => ({
	bytes_sent: a.bytes_sent + b.bytes_sent,
	bytes_received: a.bytes_received + b.bytes_received,
	segments_sent: a.segments_sent + b.segments_sent,
	segments_received: a.segments_received + b.segments_received,
	segments_retransmitted: a.segments_retransmitted + b.segments_retransmitted,
});
