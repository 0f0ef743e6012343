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
	/** Since it asked before; null: it was not known, or not any more. */
	readonly agoMs: number | null;
	readonly kept: S;
}

interface Client<S> {
	askedAtMs: number;
	readonly kept: S;
}

/** By their ids; times are milliseconds of one clock. */
export class Clients<S> {
	/** Clients at one time; those who are there already stay. */
	most: number;
	readonly #expiryMs: number;
	readonly #make: () => S;
	readonly #clients = new Map<string, Client<S>>();

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

	/** Whether it is known, and not forgotten since. */
	has(id: string): boolean {
		return this.#clients.has(id);
	}

	/** What is kept for it. */
	get(id: string): S | undefined {
		return this.#clients.get(id)?.kept;
	}

	/** Of each of them. */
	*kept(): Generator<S> {
		for (const { kept } of this.#clients.values()) yield kept;
	}

	/** Each of them, with when it has asked last. */
	*states(): Generator<{ readonly id: string; readonly askedAtMs: number; readonly kept: S }> {
		for (const [id, { askedAtMs, kept }] of this.#clients) yield { id, askedAtMs, kept };
	}

	/**
	 * A client asks.
	 *
	 * @returns null where no more find room
	 */
	enter(id: string, nowMs: number): Entered<S> | null {
		this.expire(nowMs);
		const known = this.#clients.get(id);
		if (known !== undefined) {
			const agoMs = nowMs - known.askedAtMs;
			known.askedAtMs = nowMs;
			return { agoMs, kept: known.kept };
		}
		if (this.#clients.size >= this.most) return null;
		const kept = this.#make();
		this.#clients.set(id, { askedAtMs: nowMs, kept });
		return { agoMs: null, kept };
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
}
