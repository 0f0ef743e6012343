/** Names of addresses, as somebody in the same network namespace has asked for them: not what the owner of an address calls it. */

import type { DnsAnswer, DnsRecord } from "../flow/dns-records.ts";

export interface DnsNamesOptions {
	/** Addresses that are remembered; the ones that were not heard of for longest go first. */
	readonly most: number;
	/** So much longer than its time to live a name is good: programs keep what they have asked for. */
	readonly graceMs: number;
}

/** Of one address: the others are forgotten, the oldest first. */
const MOST_NAMES = 8;

type Learned = Pick<DnsRecord, "netns" | "question_name" | "response_code" | "answers">;

export class DnsNames {
	readonly #options: DnsNamesOptions;
	/** By namespace and address: names, each until when it is good; the newest comes last in either. */
	readonly #byAddress = new Map<string, Map<string, number>>();
	#forgotten = 0;

	constructor(options: DnsNamesOptions) {
		this.#options = options;
	}

	/** Addresses that are remembered, some of them perhaps for nothing. */
	get size(): number {
		return this.#byAddress.size;
	}

	/** Addresses that had to make room for others, so far. */
	get forgotten(): number {
		return this.#forgotten;
	}

	/**
	 * What an answer says of addresses. Only what the name that was asked for leads to: a server may
	 * say anything about others.
	 */
	learn({ netns, question_name, response_code, answers }: Learned, nowMs: number): void {
		if (question_name === null || response_code !== "NOERROR") return;
		const ttls = chainFrom(question_name, answers);
		for (const { name, type, ttl, data } of answers) {
			const chain = ttls.get(name);
			if (chain === undefined || (type !== "A" && type !== "AAAA")) continue;
			const goodMs = Math.min(chain, ttl) * 1000 + this.#options.graceMs;
			this.#remember(`${netns} ${data}`, question_name, nowMs + goodMs);
		}
	}

	/** Those that are good at `nowMs`, the last one that was asked for first. */
	namesOf(netns: number, address: string, nowMs: number): string[] {
		const key = `${netns} ${address}`;
		const names = this.#byAddress.get(key);
		if (names === undefined) return [];
		for (const [name, until] of names) if (until <= nowMs) names.delete(name);
		if (names.size === 0) this.#byAddress.delete(key);
		return [...names.keys()].reverse();
	}

	#remember(key: string, name: string, until: number): void {
		const names = this.#byAddress.get(key) ?? new Map<string, number>();
		const known = names.get(name) ?? 0;
		// To the end.
		names.delete(name);
		names.set(name, Math.max(known, until));
		if (names.size > MOST_NAMES) dropFirst(names);
		this.#byAddress.delete(key);
		this.#byAddress.set(key, names);
		if (this.#byAddress.size <= this.#options.most) return;
		dropFirst(this.#byAddress);
		this.#forgotten++;
	}
}

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

function dropFirst(map: Map<string, unknown>): void {
	for (const key of map.keys()) {
		map.delete(key);
		return;
	}
}
