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
import { CLIENT_BOUNDS, Clients } from "./clients.ts";
import {
	type ConnectionCounters,
	countersOf,
	difference,
	isLess,
	isSame,
	NOTHING_MOVED,
	sum,
} from "./connection-counters.ts";
import { RecordHistory } from "./record-history.ts";

const DEFAULTS: ClientOptions = { ...CLIENT_BOUNDS, mostClosed: 50_000, mostOpen: 75_000 };

/** What is over: an end, or an attempt that failed. */
interface Over<C> {
	readonly connection: C;
	readonly isFailed: boolean;
}

/** Connections of the same ends that are over. */
interface Ended<C> {
	latest: C;
	/** By id; null where it is `latest` alone, as nearly always. */
	ids: Map<string, ConnectionCounters> | null;
	total: ConnectionCounters;
	since: ConnectionChange;
}

interface Client {
	/** Totals, by id, of what was open when it asked last. */
	told: Map<string, ConnectionCounters>;
	/** Of what was open the time before, and not last: its end may not have been told yet. */
	gone: Map<string, ConnectionCounters>;
	/** There was no room in `told` for all that was open. */
	isFull: boolean;
	/** In what is over: what comes from there on it has not been told. */
	place: number;
	lost: { closed: number; open: number };
}

/** What is over since a client was told last. */
interface Ends<C> {
	/** By their ends. */
	readonly rows: Map<string, Ended<C>>;
	/** Ids of all of those. */
	readonly ids: Set<string>;
}

/** What every client has been told, and what is over and it has not been told. */
export class ClientChanges<C extends CountedConnection> {
	readonly #options: ClientOptions;
	readonly #clients: Clients<Client>;
	/** The same for all: each client has its place in it. */
	readonly #over: RecordHistory<Over<C>>;
	/** Totals that were smaller than what was told before: counted from 0, in all. */
	resets = 0;

	constructor(options: Partial<ClientOptions> = {}) {
		this.#options = { ...DEFAULTS, ...options };
		this.#over = new RecordHistory(this.#options.mostClosed);
		this.#clients = new Clients(this.#options, () => this.#newClient());
	}

	/** Of ClientOptions; those who are there already stay. */
	set mostClients(most: number) {
		this.#clients.most = most;
	}

	/** Whether it is known, and not forgotten since. */
	has(clientId: string): boolean {
		return this.#clients.has(clientId);
	}

	/** Clients that are known now. */
	get size(): number {
		return this.#clients.size;
	}

	/** Connections that are over, and that some client was not told. */
	get kept(): number {
		return this.#over.size;
	}

	/** A connection is over, with its last totals: every client that is known will be told. */
	close(connection: C): void {
		if (this.#clients.size > 0) this.#over.add({ connection, isFailed: false });
	}

	/** One was never established: likewise. */
	fail(attempt: C): void {
		if (this.#clients.size > 0) this.#over.add({ connection: attempt, isFailed: true });
	}

	/**
	 * @param open the totals of all connections that are open now
	 * @param isAll whether it is told of those as well that are open, and have moved nothing since
	 * @returns null where no more clients find room
	 */
	ask(clientId: string, open: Iterable<C>, nowMs: number, isAll = true): ClientAnswer<C> | null {
		const entered = this.#clients.enter(clientId, nowMs);
		if (entered === null) return null;
		const { kept: client, agoMs } = entered;
		const answers = new Map<string, ChangedConnection<C>>();
		const ends = this.#ends(client);
		for (const [key, ended] of ends.rows) answers.set(key, answerOfEnded(ended));
		const told = new Map<string, ConnectionCounters>();
		for (const connection of open) {
			// It was read before it ended.
			if (ends.ids.has(connection.id)) continue;
			const before = client.told.get(connection.id);
			const isIdle = before !== undefined && isSame(connection, before);
			if (told.size >= this.#options.mostOpen) client.lost.open++;
			else told.set(connection.id, isIdle ? before : countersOf(connection));
			const key = keyOf(connection);
			const ended = answers.get(key);
			if (isIdle && !isAll && ended === undefined) continue;
			const isStill = isIdle || agoMs === null;
			const since = isStill ? unchanged(connection) : this.#since(client, connection);
			answers.set(key, withOpen(ended, connection, since));
		}
		const { lost } = client;
		const interval_ms = agoMs === null ? null : Math.round(agoMs);
		client.gone = without(client.told, told);
		client.told = told;
		client.isFull = lost.open > 0;
		client.lost = { closed: 0, open: 0 };
		const connections = [...answers.values()];
		return { is_new: agoMs === null, interval_ms, connections, lost };
	}

	/** Connections that are over, and that this client has not asked for. */
	waiting(clientId: string): number {
		const client = this.#clients.get(clientId);
		return client === undefined ? 0 : this.#over.next - client.place;
	}

	/** Tells a client of what is over, before it asks for the rest. */
	takeEnded(clientId: string): readonly ChangedConnection<C>[] {
		const client = this.#clients.get(clientId);
		if (client === undefined) return [];
		return [...this.#ends(client).rows.values()].map((one) => answerOfEnded(one));
	}

	/** What it has not been told it never will be. */
	forget(clientId: string): void {
		this.#clients.forget(clientId);
		this.#dropTold();
	}

	/** Forgets those that have not asked for long. */
	expire(nowMs: number): void {
		this.#clients.expire(nowMs);
		this.#dropTold();
	}

	/** What is kept for each. */
	states(nowMs: number): ClientState[] {
		return Array.from(this.#clients.states(), ({ id: client, askedAtMs, kept }) => ({
			...{ client, asked_ms_ago: Math.round(nowMs - askedAtMs), open: kept.told.size },
			...{ gone: kept.gone.size, closed: Math.min(this.#over.next - kept.place, this.#over.size) },
			lost: { ...kept.lost },
		}));
	}

	#newClient(): Client {
		return {
			...{ told: new Map(), gone: new Map(), isFull: false },
			place: this.#over.next,
			lost: { closed: 0, open: 0 },
		};
	}

	/** What is over, and this client was not told: it is, now. */
	#ends(client: Client): Ends<C> {
		const ends: Ends<C> = { rows: new Map(), ids: new Set() };
		const { entries, missed, next } = this.#over.read(client.place, Number.POSITIVE_INFINITY);
		for (const { record } of entries) this.#end(client, ends, record);
		client.lost.closed += missed;
		client.place = next;
		this.#dropTold();
		return ends;
	}

	/** What every client has been told. */
	#dropTold(): void {
		let least = this.#over.next;
		for (const { place } of this.#clients.kept()) least = Math.min(least, place);
		this.#over.dropBefore(least);
	}

	#end(client: Client, { rows, ids }: Ends<C>, { connection, isFailed }: Over<C>): void {
		const { id } = connection;
		const since = isFailed ? FAILED : { ...this.#since(client, connection), connections_closed: 1 };
		client.told.delete(id);
		client.gone.delete(id);
		ids.add(id);
		const key = keyOf(connection);
		const counters = countersOf(connection);
		const known = rows.get(key);
		if (known === undefined) {
			rows.set(key, { latest: connection, ids: null, total: counters, since });
			return;
		}
		known.ids ??= new Map([[known.latest.id, known.total]]);
		// One of which the end is told twice counts once, with what is told later.
		const before = known.ids.get(id);
		const more = before === undefined ? counters : difference(counters, before);
		known.ids.set(id, counters);
		known.total = sum(known.total, more);
		known.since = both(known.since, before === undefined ? since : { ...UNCHANGED, ...more });
		known.latest = connection;
	}

	#since(client: Client, connection: C): ConnectionChange {
		const { id } = connection;
		const before = client.told.get(id) ?? client.gone.get(id);
		if (before === undefined) {
			// It may be one of those.
			if (client.isFull) return unchanged(connection);
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
	const connections = (ids?.size ?? 1) - since.connections_failed;
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
