/** Who asks, each at its own pace: what is kept for every client, for so many, and for so long. */

/** Bounds of those who ask. */
export interface ClientBounds {
	/** Clients at one time. Default 64. */
	readonly mostClients: number;
	/** A client that has not asked for so long is forgotten. Default two minutes. */
	readonly expiryMs: number;
}

/** Where nothing else is said. */
export const CLIENT_BOUNDS: ClientBounds = { mostClients: 64, expiryMs: 120_000 };

interface Entered<S> {
	/** Since the question whose answer it was told last; null: it was told nothing yet, or is not known any more. */
	readonly agoMs: number | null;
	/** As it was after that answer. */
	readonly kept: S;
}

/** What a client knows once it was told an answer. */
interface Told<S> {
	/** Null: it was told none. */
	readonly cursor: string | null;
	readonly askedAtMs: number | null;
	readonly kept: S;
}

interface Client<S> {
	askedAtMs: number;
	told: Told<S>;
	/** The last answer, until the next question shows whether it arrived. */
	last: Told<S> | null;
	/** Whether the last answer was handed over whole. */
	isDelivered: boolean;
}

/**
 * By their ids; times are milliseconds of one clock. What is kept is never changed where an answer may
 * have to be given again: each answer brings its own, which takes its place once it was told.
 */
export class Clients<S> {
	/** Clients at one time; those who are there already stay. */
	most: number;
	readonly #expiryMs: number;
	readonly #make: () => S;
	readonly #clients = new Map<string, Client<S>>();
	/** Stands in every cursor: those of another run mean nothing here. */
	readonly #run = crypto.randomUUID().slice(0, 8);
	#answers = 0;

	/** @param make what is kept for a client that was not known */
	constructor(bounds: ClientBounds, make: () => S) {
		this.most = bounds.mostClients;
		this.#expiryMs = bounds.expiryMs;
		this.#make = make;
	}

	/** That are known now. */
	get size(): number {
		return this.#clients.size;
	}

	/** What is kept for it, by what it was told for sure. */
	get(id: string): S | undefined {
		return this.#clients.get(id)?.told.kept;
	}

	/** Of each of them; twice, where an answer may have arrived or not. */
	*kept(): Generator<S> {
		for (const { told, last } of this.#clients.values()) {
			yield told.kept;
			if (last !== null) yield last.kept;
		}
	}

	/** Each of them, with when it has asked last. */
	*states(): Generator<{ readonly id: string; readonly askedAtMs: number; readonly kept: S }> {
		for (const [id, client] of this.#clients) {
			const { askedAtMs, told, last, isDelivered } = client;
			yield { id, askedAtMs, kept: (isDelivered ? (last ?? told) : told).kept };
		}
	}

	/**
	 * A client asks.
	 *
	 * @param cursor of the last answer that it has; null: the last one that was delivered
	 * @returns null where no more find room
	 */
	enter(id: string, nowMs: number, cursor: string | null = null): Entered<S> | null {
		this.expire(nowMs);
		const known = this.#clients.get(id);
		if (known !== undefined && this.#settle(known, cursor)) {
			known.askedAtMs = nowMs;
			const { askedAtMs, kept } = known.told;
			return { agoMs: askedAtMs === null ? null : nowMs - askedAtMs, kept };
		}
		if (known === undefined && this.#clients.size >= this.most) return null;
		const told = { cursor: null, askedAtMs: null, kept: this.#make() };
		this.#clients.set(id, { askedAtMs: nowMs, told, last: null, isDelivered: false });
		return { agoMs: null, kept: told.kept };
	}

	/**
	 * It is answered.
	 *
	 * @param kept for it, once it was told
	 * @returns the cursor of this answer
	 */
	answer(id: string, kept: S): string {
		const cursor = `${this.#run}-${++this.#answers}`;
		const client = this.#clients.get(id);
		if (client === undefined) return cursor;
		client.last = { cursor, askedAtMs: client.askedAtMs, kept };
		client.isDelivered = false;
		return cursor;
	}

	/** Whether an answer was handed over whole. The next question may know better. */
	deliver(id: string, cursor: string, isWhole: boolean): void {
		const client = this.#clients.get(id);
		if (client?.last?.cursor === cursor) client.isDelivered = isWhole;
	}

	/** Its last answer was told for sure. */
	told(id: string): void {
		const client = this.#clients.get(id);
		if (client === undefined || client.last === null) return;
		client.told = client.last;
		client.last = null;
	}

	/** Nothing is kept for it any more. */
	forget(id: string): void {
		this.#clients.delete(id);
	}

	/** Forgets those that have not asked for long. */
	expire(nowMs: number): void {
		for (const [id, { askedAtMs }] of this.#clients)
			if (nowMs - askedAtMs > this.#expiryMs) this.#clients.delete(id);
	}

	/** @returns whether it is known what this client was told; if nothing, it begins anew */
	#settle(client: Client<S>, cursor: string | null): boolean {
		const { told, last, isDelivered } = client;
		const isTold = cursor === null ? isDelivered : cursor === last?.cursor;
		if (isTold && last !== null) client.told = last;
		client.last = null;
		client.isDelivered = false;
		const isKnown = isTold || cursor === null || cursor === told.cursor;
		return isKnown && client.told.cursor !== null;
	}
}
