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
	addEnded,
	answerOfEnded,
	type Ended,
	FAILED,
	keyOf,
	UNCHANGED,
	withOpen,
} from "./client-rows.ts";
import { CLIENT_BOUNDS, Clients } from "./clients.ts";
import {
	type ConnectionCounters,
	countersOf,
	difference,
	isLess,
	isSame,
} from "./connection-counters.ts";
import { RecordHistory } from "./record-history.ts";
import type { GapRecord } from "./records.ts";

const DEFAULTS: ClientOptions = { ...CLIENT_BOUNDS, mostClosed: 50_000, mostOpen: 75_000 };

/** What is over: an end, or an attempt that failed. */
interface Over<C> {
	readonly connection: C;
	readonly isFailed: boolean;
}

/** What a client knows after an answer. It is never changed: an answer that did not arrive is given again. */
interface Known {
	/** Totals, by id, of what was open. */
	readonly told: ReadonlyMap<string, ConnectionCounters>;
	/** Of what was open the time before, and not then: its end may not have been told yet. */
	readonly gone: ReadonlyMap<string, ConnectionCounters>;
	/** There was no room in `told` for all that was open. */
	readonly isFull: boolean;
	/** In what is over: what comes from there on it has not been told. */
	readonly place: number;
	/** The same in gaps. */
	readonly gapPlace: number;
}

/** What is over since a client was told last. */
interface Ends<C> {
	/** By their ends. */
	readonly rows: Map<string, Ended<C>>;
	/** Ids of all of those. */
	readonly ids: Set<string>;
	readonly missed: number;
	readonly next: number;
}

/** What of a question is not about whose it is. */
export interface Question {
	/** Whether those are told as well that are open, and have moved nothing since. Default true. */
	readonly isAll?: boolean;
	/** Of the last answer that the client has; null: the last one that was delivered. Default null. */
	readonly cursor?: string | null;
}

/** Gaps that wait for a client: of more, the newest. */
const MOST_GAPS = 1000;

/** What every client has been told, and what is over and it has not been told. */
export class ClientChanges<C extends CountedConnection> {
	readonly #options: ClientOptions;
	readonly #clients: Clients<Known>;
	/** The same for all: each client has its place in it. */
	readonly #over: RecordHistory<Over<C>>;
	readonly #gaps = new RecordHistory<GapRecord>(MOST_GAPS);
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

	/** What nobody can be told: every client that is known will hear that. */
	lose(gaps: readonly GapRecord[]): void {
		if (this.#clients.size > 0) for (const gap of gaps) this.#gaps.add(gap);
	}

	/**
	 * The answer is given again, with what came since, unless deliver(), told() or the cursor of the next
	 * question say that it arrived.
	 *
	 * @param open the totals of all connections that are open now
	 * @returns null where no more clients find room
	 */
	ask(
		clientId: string,
		open: Iterable<C>,
		nowMs: number,
		question: Question = {},
	): ClientAnswer<C> | null {
		const entered = this.#clients.enter(clientId, nowMs, question.cursor);
		if (entered === null) return null;
		this.#dropTold();
		const { kept: known, agoMs } = entered;
		const ends = this.#ends(known);
		const answers = new Map<string, ChangedConnection<C>>();
		for (const [key, ended] of ends.rows) answers.set(key, answerOfEnded(ended));
		const isAll = question.isAll ?? true;
		const lost = { closed: ends.missed, open: 0 };
		const told = new Map<string, ConnectionCounters>();
		for (const connection of open) {
			// It was read before it ended.
			if (ends.ids.has(connection.id)) continue;
			const before = known.told.get(connection.id);
			const isIdle = before !== undefined && isSame(connection, before);
			if (told.size >= this.#options.mostOpen) lost.open++;
			else told.set(connection.id, isIdle ? before : countersOf(connection));
			if (isIdle && !isAll && answers.size === 0) continue;
			const key = keyOf(connection);
			const ended = answers.get(key);
			if (isIdle && !isAll && ended === undefined) continue;
			const isStill = isIdle || agoMs === null;
			const since = isStill ? unchanged(connection) : this.#since(known, connection);
			answers.set(key, withOpen(ended, connection, since));
		}
		const gaps = this.#gaps.read(known.gapPlace, Number.POSITIVE_INFINITY);
		const gone = goneOf(known.told, told, ends.ids);
		const isFull = lost.open > 0;
		const after = { told, gone, isFull, place: ends.next, gapPlace: gaps.next };
		return {
			cursor: this.#clients.answer(clientId, after),
			...{ is_new: agoMs === null, interval_ms: agoMs === null ? null : Math.round(agoMs) },
			...{
				connections: [...answers.values()],
				lost,
				gaps: gaps.entries.map(({ record }) => record),
			},
		};
	}

	/** Whether an answer was handed over whole. */
	deliver(clientId: string, cursor: string, isWhole: boolean): void {
		this.#clients.deliver(clientId, cursor, isWhole);
	}

	/** The last answer has arrived for sure. */
	told(clientId: string): void {
		this.#clients.told(clientId);
		this.#dropTold();
	}

	/** Connections that are over, and that this client has not asked for. */
	waiting(clientId: string): number {
		const known = this.#clients.get(clientId);
		return known === undefined ? 0 : this.#over.next - known.place;
	}

	/** Tells a client of what is over, before it asks for the rest; it has that for sure. */
	takeEnded(clientId: string): readonly ChangedConnection<C>[] {
		const known = this.#clients.get(clientId);
		if (known === undefined) return [];
		const { rows, next } = this.#ends(known);
		this.#clients.answer(clientId, { ...known, place: next });
		this.told(clientId);
		return [...rows.values()].map((one) => answerOfEnded(one));
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
			lost: { closed: Math.max(0, this.#over.next - this.#over.size - kept.place), open: 0 },
		}));
	}

	#newClient(): Known {
		const [place, gapPlace] = [this.#over.next, this.#gaps.next];
		return { told: new Map(), gone: new Map(), isFull: false, place, gapPlace };
	}

	/** What is over, and this client was not told. */
	#ends(known: Known): Ends<C> {
		const { entries, missed, next } = this.#over.read(known.place, Number.POSITIVE_INFINITY);
		const ends: Ends<C> = { rows: new Map(), ids: new Set(), missed, next };
		for (const { record } of entries) {
			const { connection, isFailed } = record;
			const isAgain = ends.ids.has(connection.id);
			addEnded(
				ends.rows,
				connection,
				isFailed ? FAILED : this.#sinceOfEnd(known, connection, isAgain),
			);
			ends.ids.add(connection.id);
		}
		return ends;
	}

	/** What every client has been told. */
	#dropTold(): void {
		let [least, leastGap] = [this.#over.next, this.#gaps.next];
		for (const { place, gapPlace } of this.#clients.kept()) {
			least = Math.min(least, place);
			leastGap = Math.min(leastGap, gapPlace);
		}
		this.#over.dropBefore(least);
		this.#gaps.dropBefore(leastGap);
	}

	#sinceOfEnd(known: Known, connection: C, isAgain: boolean): ConnectionChange {
		// Of one that is told twice the first counts.
		const since = isAgain ? UNCHANGED : this.#since(known, connection);
		return { ...since, connections_closed: 1 };
	}

	#since(known: Known, connection: C): ConnectionChange {
		const { id } = connection;
		const before = known.told.get(id) ?? known.gone.get(id);
		if (before === undefined) {
			// It may be one of those.
			if (known.isFull) return unchanged(connection);
			return { ...UNCHANGED, connections_opened: 1, ...countersOf(connection) };
		}
		if (!isLess(connection, before)) return { ...UNCHANGED, ...difference(connection, before) };
		this.resets++;
		return { ...UNCHANGED, ...countersOf(connection) };
	}
}

/** What was open, and is not among what is open or over now. */
function goneOf(
	before: Known["told"],
	now: Known["told"],
	over: ReadonlySet<string>,
): Known["told"] {
	const gone = new Map<string, ConnectionCounters>();
	for (const [id, counters] of before) if (!now.has(id) && !over.has(id)) gone.set(id, counters);
	return gone;
}

const unchanged = (connection: ConnectionCounters): ConnectionChange => ({
	...UNCHANGED,
	...difference(connection, connection),
});
