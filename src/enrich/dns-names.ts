/** Names of addresses, as somebody in the same network namespace has asked for them: not what the owner of an address calls it. */

import type { DnsAnswer, DnsRecord } from "../flow/dns-records.ts";

export interface DnsNamesOptions {
	/** Addresses that are remembered; the ones that were not heard of for longest go first. */
	readonly most: number;
	/** So much longer than its time to live a name is good, and after it was last used: programs keep what they have asked for. */
	readonly graceMs: number;
}

/** Of one address: of more, the last. */
const MOST_ASKED = 16;

type Learned = Pick<DnsRecord, "netns" | "question_name" | "response_code" | "answers">;

/** A name that was asked for, once or several times in a row. */
interface Asked {
	readonly name: string;
	/** For the first time. */
	readonly atMs: number;
	untilMs: number;
}

/** Of one address, the last one at the end. */
interface Names {
	readonly asked: Asked[];
	/** Something was before those. */
	isCut: boolean;
}

/** Times are milliseconds of one clock, which does not jump. */
export class DnsNames {
	readonly #options: DnsNamesOptions;
	/** By namespace and address; the one that was heard of last comes last. */
	readonly #byAddress = new Map<string, Names>();
	#forgotten = 0;

	constructor(options: DnsNamesOptions) {
		this.#options = options;
	}

	/** Addresses that are remembered, some of them perhaps for nothing. */
	get size(): number {
		return this.#byAddress.size;
	}

	/** Addresses with a name that was still good, and had to make room for others, since the last call. */
	takeForgotten(): number {
		const forgotten = this.#forgotten;
		this.#forgotten = 0;
		return forgotten;
	}

	/**
	 * What an answer says of addresses. Only what the name that was asked for leads to: a server may
	 * say anything about others.
	 */
	learn({ netns, question_name, response_code, answers }: Learned, atMs: number): void {
		if (question_name === null || response_code !== "NOERROR") return;
		const ttls = chainFrom(question_name, answers);
		for (const { name, type, ttl, data } of answers) {
			const chain = ttls.get(name);
			if (chain === undefined || (type !== "A" && type !== "AAAA")) continue;
			const goodMs = Math.min(chain, ttl) * 1000 + this.#options.graceMs;
			this.#remember(`${netns} ${data}`, question_name, atMs, atMs + goodMs);
		}
	}

	/**
	 * The one that was asked for last of those that were good since `sinceMs`: it stays good as long as
	 * it is asked for here.
	 */
	nameOf(netns: number, address: string, sinceMs: number, nowMs: number): string | null {
		const names = this.#byAddress.get(`${netns} ${address}`);
		return names === undefined ? null : this.#use(last(names.asked, sinceMs), nowMs);
	}

	/**
	 * Of a connection that was opened at `atMs`: the one that was asked for last before; or where
	 * nobody had, the last one since. Null where it is not known which was the last before.
	 */
	nameAt(netns: number, address: string, atMs: number): string | null {
		const names = this.#byAddress.get(`${netns} ${address}`);
		if (names === undefined) return null;
		const { asked, isCut } = names;
		const before = asked.findLastIndex(({ atMs: askedMs }) => askedMs <= atMs);
		if (before === -1) return isCut ? null : this.#use(last(asked, atMs), atMs);
		const found = asked.findLast(({ untilMs }, at) => at <= before && untilMs > atMs);
		return this.#use(found, atMs);
	}

	#use(asked: Asked | undefined, nowMs: number): string | null {
		if (asked === undefined) return null;
		asked.untilMs = Math.max(asked.untilMs, nowMs + this.#options.graceMs);
		return asked.name;
	}

	#remember(key: string, name: string, atMs: number, untilMs: number): void {
		const names = this.#byAddress.get(key) ?? { asked: [], isCut: false };
		const { asked } = names;
		const latest = asked.at(-1);
		if (latest?.name === name) latest.untilMs = Math.max(latest.untilMs, untilMs);
		else asked.push({ name, atMs, untilMs });
		if (asked.length > MOST_ASKED) {
			asked.shift();
			names.isCut = true;
		}
		// To the end.
		this.#byAddress.delete(key);
		this.#byAddress.set(key, names);
		if (this.#byAddress.size > this.#options.most) this.#forgetFirst(atMs);
	}

	#forgetFirst(nowMs: number): void {
		for (const [key, { asked }] of this.#byAddress) {
			this.#byAddress.delete(key);
			if (last(asked, nowMs) !== undefined) this.#forgotten++;
			return;
		}
	}
}

/** That was good at that time or later. */
const last = (asked: readonly Asked[], sinceMs: number): Asked | undefined =>
	asked.findLast(({ untilMs }) => untilMs > sinceMs);

/** The names that `name` stands for, itself among them, each with the least time to live on the way. */
function chainFrom(name: string, answers: readonly DnsAnswer[]): Map<string, number> {
	const ttls = new Map([[name, Number.POSITIVE_INFINITY]]);
	// In any order: each round goes one step on, and one that finds nothing is the last.
	for (let found = true; found; ) {
		found = false;
		for (const { name: owner, type, ttl, data } of answers) {
			const before = ttls.get(owner);
			if (type !== "CNAME" || before === undefined || ttls.has(data)) continue;
			ttls.set(data, Math.min(before, ttl));
			found = true;
		}
	}
	return ttls;
}
