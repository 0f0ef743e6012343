/** How servers of DNS answer their clients: added up for each pair, in all, and for everybody who asks since he asked last. */

import { CLIENT_BOUNDS, type ClientBounds, Clients } from "./clients.ts";
import type { DnsRecord } from "./dns-records.ts";

/** Upper bounds, inclusive, of the buckets of latencies, in seconds: those that OpenTelemetry advises for `dns.lookup.duration`. One more bucket has what is above. */
export const DNS_LATENCY_BOUNDS_S: readonly number[] = [
	...[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
];
const BOUNDS_US = DNS_LATENCY_BOUNDS_S.map((seconds) => seconds * 1e6);

/** Of one pair; others add up under OTHER_CODE: a server may answer with any of 4096. */
const MOST_CODES = 32;
const OTHER_CODE = "OTHER";

/** From questions to their answers. */
export interface DnsLatencies {
	/** Answers; those over which a clock was set back are not among them. */
	readonly count: number;
	readonly sum_us: number;
	/** Null where there is no answer. */
	readonly min_us: number | null;
	readonly max_us: number | null;
	/** How many were in each bucket of DNS_LATENCY_BOUNDS_S, and above them all; not added up. */
	readonly buckets: readonly number[];
}

/** What became of questions of one client to one server. */
export interface DnsStatisticsRow
	extends Nullable<
		Pick<DnsRecord, "netns" | "transport" | "client_address" | "server_address" | "server_port">
	> {
	/** Those that were answered, or given up. */
	readonly queries: number;
	/** Answers with NOERROR. */
	readonly successes: number;
	/** Other answers, by their response code. */
	readonly failures: Readonly<Record<string, number>>;
	/** Given up. */
	readonly timeouts: number;
	readonly latency: DnsLatencies;
	/** When the first and the last of them came to its end. */
	readonly first: string;
	readonly last: string;
}

/** Null in the row `other`, in which all are that found no room. */
type Nullable<T> = { readonly [Name in keyof T]: T[Name] | null };

/** The answer to one question of a client. */
export interface DnsStatisticsAnswer {
	/** The client was not known, or not any more: it is told nothing yet, and counting begins. */
	readonly is_new: boolean;
	/** Names this answer: the next question can say with it that this one arrived. */
	readonly cursor: string;
	/** Since its last question: pairs of which there is anything to tell. */
	readonly statistics: readonly DnsStatisticsRow[];
}

/** Bounds of what is kept. */
export interface DnsStatisticsOptions extends ClientBounds {
	/** Pairs of client and server; what finds no room is in the row `other`. Default 10,000. */
	readonly mostPairs: number;
	/** A pair of which nothing was heard for so long makes room where there is none: it goes to `other`. Default ten minutes. */
	readonly idleMs: number;
}

const DEFAULTS: DnsStatisticsOptions = { ...CLIENT_BOUNDS, mostPairs: 10_000, idleMs: 600_000 };

type Place = Pick<
	DnsRecord,
	"netns" | "transport" | "client_address" | "server_address" | "server_port"
>;
type End = Pick<DnsRecord, "time" | "response_code" | "latency_us">;

/** Totals since the start, and for each client that asks what came since it asked last. */
export class DnsStatistics {
	readonly #options: DnsStatisticsOptions;
	readonly #totals: Pairs;
	readonly #clients: Clients<{ pairs: Pairs }>;

	constructor(partial: Partial<DnsStatisticsOptions> = {}) {
		const options = { ...DEFAULTS, ...partial };
		this.#options = options;
		this.#totals = new Pairs(options);
		this.#clients = new Clients(options, () => ({ pairs: new Pairs(options) }));
	}

	/** A question has come to its end. `nowMs` of ask() is of the same clock. */
	add(place: Place, end: End, nowMs: number): void {
		const key = keyOf(place);
		this.#totals.add(key, place, end, nowMs);
		for (const { pairs } of this.#clients.kept()) pairs.add(key, place, end, nowMs);
	}

	/** All since the start, `other` last where there is one: as counters they only grow, but for pairs that made room. */
	totals(): DnsStatisticsRow[] {
		return this.#totals.rows();
	}

	/**
	 * @param cursor where answers can get lost on their way: that of the last answer that the client has,
	 * null if it does not know. Then this answer is given again, with what came since, unless delivered()
	 * or the cursor of the next question say that it arrived. Without, it has arrived
	 * @returns null where no more clients find room
	 */
	ask(clientId: string, nowMs: number, cursor?: string | null): DnsStatisticsAnswer | null {
		const entered = this.#clients.enter(clientId, nowMs, cursor);
		if (entered === null) return null;
		const is_new = entered.agoMs === null;
		const statistics = is_new ? [] : entered.kept.pairs.rows();
		const answer = this.#clients.answer(clientId, { pairs: new Pairs(this.#options) });
		if (cursor === undefined) this.#clients.told(clientId);
		return { is_new, cursor: answer, statistics };
	}

	/** Whether an answer was handed over whole, as far as that is known. */
	delivered(clientId: string, cursor: string, isWhole: boolean): void {
		this.#clients.deliver(clientId, cursor, isWhole);
	}

	/** Clients that are known now. */
	get clients(): number {
		return this.#clients.size;
	}

	/** What it has not been told it never will be. */
	forget(clientId: string): void {
		this.#clients.forget(clientId);
	}

	/** Forgets clients that have not asked for long. */
	expire(nowMs: number): void {
		this.#clients.expire(nowMs);
	}
}

/** Of several questions. */
class Tally {
	#queries = 0;
	#successes = 0;
	#timeouts = 0;
	readonly #failures = new Map<string, number>();
	#count = 0;
	#sumUs = 0;
	#minUs = Number.POSITIVE_INFINITY;
	#maxUs = 0;
	readonly #buckets = BOUNDS_US.map(() => 0).concat(0);
	#first: string;
	#last: string;

	constructor(time: string) {
		this.#first = time;
		this.#last = time;
	}

	add({ time, response_code, latency_us }: End): void {
		this.#queries++;
		this.#last = time;
		if (response_code === null) this.#timeouts++;
		else if (response_code === "NOERROR") this.#successes++;
		else this.#fail(response_code, 1);
		if (latency_us === null) return;
		this.#count++;
		this.#sumUs += latency_us;
		this.#minUs = Math.min(this.#minUs, latency_us);
		this.#maxUs = Math.max(this.#maxUs, latency_us);
		let bucket = 0;
		while (latency_us > (BOUNDS_US[bucket] ?? Number.POSITIVE_INFINITY)) bucket++;
		this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
	}

	/** All of another one. */
	merge(other: Tally): void {
		this.#queries += other.#queries;
		this.#successes += other.#successes;
		this.#timeouts += other.#timeouts;
		for (const [code, count] of other.#failures) this.#fail(code, count);
		this.#count += other.#count;
		this.#sumUs += other.#sumUs;
		this.#minUs = Math.min(this.#minUs, other.#minUs);
		this.#maxUs = Math.max(this.#maxUs, other.#maxUs);
		for (const [at, count] of other.#buckets.entries())
			this.#buckets[at] = (this.#buckets[at] ?? 0) + count;
		if (other.#first < this.#first) this.#first = other.#first;
		if (other.#last > this.#last) this.#last = other.#last;
	}

	row(place: Nullable<Place>): DnsStatisticsRow {
		const { netns, transport, client_address, server_address, server_port } = place;
		const isAnswered = this.#count > 0;
		return {
			...{ netns, transport, client_address, server_address, server_port },
			...{ queries: this.#queries, successes: this.#successes },
			...{ failures: Object.fromEntries(this.#failures), timeouts: this.#timeouts },
			latency: {
				...{ count: this.#count, sum_us: this.#sumUs },
				min_us: isAnswered ? this.#minUs : null,
				max_us: isAnswered ? this.#maxUs : null,
				buckets: [...this.#buckets],
			},
			...{ first: this.#first, last: this.#last },
		};
	}

	#fail(code: string, count: number): void {
		const isKnown = this.#failures.has(code) || this.#failures.size < MOST_CODES;
		const as = isKnown ? code : OTHER_CODE;
		this.#failures.set(as, (this.#failures.get(as) ?? 0) + count);
	}
}

interface Pair {
	readonly place: Place;
	readonly tally: Tally;
	heardAtMs: number;
}

const OTHER: Nullable<Place> = {
	...{ netns: null, transport: null, client_address: null },
	...{ server_address: null, server_port: null },
};

/** Pairs of client and server, so many; the one that was heard of last comes last. */
class Pairs {
	readonly #options: DnsStatisticsOptions;
	readonly #pairs = new Map<string, Pair>();
	#other: Tally | null = null;

	constructor(options: DnsStatisticsOptions) {
		this.#options = options;
	}

	add(key: string, place: Place, end: End, nowMs: number): void {
		const known = this.#pairs.get(key);
		if (known === undefined && !this.#hasRoom(nowMs)) {
			this.#other ??= new Tally(end.time);
			this.#other.add(end);
			return;
		}
		const pair = known ?? { place, tally: new Tally(end.time), heardAtMs: nowMs };
		pair.tally.add(end);
		pair.heardAtMs = nowMs;
		this.#pairs.delete(key);
		this.#pairs.set(key, pair);
	}

	rows(): DnsStatisticsRow[] {
		const rows = Array.from(this.#pairs.values(), ({ place, tally }) => tally.row(place));
		return this.#other === null ? rows : [...rows, this.#other.row(OTHER)];
	}

	#hasRoom(nowMs: number): boolean {
		const { mostPairs, idleMs } = this.#options;
		if (this.#pairs.size < mostPairs) return true;
		for (const [key, { tally, heardAtMs }] of this.#pairs) {
			if (nowMs - heardAtMs < idleMs) return false;
			this.#pairs.delete(key);
			if (this.#other === null) this.#other = tally;
			else this.#other.merge(tally);
			return true;
		}
		return false;
	}
}

/** Not the port of the client: each question has another one. */
const keyOf = ({ netns, transport, client_address, server_address, server_port }: Place): string =>
	`${netns} ${transport} ${client_address} ${server_address} ${server_port}`;
