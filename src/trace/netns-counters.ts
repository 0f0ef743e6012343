/**
 * What was recorded in each network namespace: the table of the kernel side, and beside it what
 * namespaces had recorded that are gone, so that these do not fill the table.
 */

import { networkNamespaces } from "../enrich/procfs.ts";
import type { BpfMap } from "../ffi/map.ts";
import type { TcpCounts } from "../flow/records.ts";
import { netnsCounts, netnsId } from "../maps/structs.ts";

export const NAMES = ["active_opens", "passive_opens", "attempt_fails", "estab_resets"] as const;
export const NOTHING: TcpCounts = {
	active_opens: 0,
	passive_opens: 0,
	attempt_fails: 0,
	estab_resets: 0,
};

export function combine(
	a: TcpCounts,
	b: TcpCounts,
	how: (a: number, b: number) => number,
): Record<(typeof NAMES)[number], number> {
	const result = { ...NOTHING };
	for (const name of NAMES) result[name] = how(a[name], b[name]);
	return result;
}

export const plus = (a: TcpCounts, b: TcpCounts): TcpCounts => combine(a, b, (x, y) => x + y);
export const areEqual = (a: TcpCounts, b: TcpCounts): boolean =>
	NAMES.every((name) => a[name] === b[name]);

/** With fewer entries than this share of the table nobody looks for namespaces that are gone. */
const FULL_SHARE = 1 / 4;
/** Those that are gone, and could come back: a socket keeps a namespace without any process. */
const MOST_GONE = 16_384;

export class NetnsCounters {
	readonly #map: BpfMap;
	/** Entries that the kernel side has inserted so far. */
	readonly #inserted: () => number;
	#deleted = 0;
	/** By the bytes of struct netns_id: gone as of the last look, and what they had recorded then. */
	#doubtful = new Map<string, TcpCounts>();
	readonly #gone = new Map<string, TcpCounts>();
	#forgotten = NOTHING;

	constructor(map: BpfMap, inserted: () => number) {
		this.#map = map;
		this.#inserted = inserted;
	}

	/** Of a namespace, by the bytes of its struct netns_id. */
	of(key: Uint8Array): TcpCounts {
		return plus(this.#inTable(key), this.#gone.get(key.toHex()) ?? NOTHING);
	}

	/** Every namespace that has recorded something, but for those of forgotten(). */
	keys(): Uint8Array[] {
		const found = new Map(Array.from(this.#map.keys(), (key) => [key.toHex(), key]));
		for (const hex of this.#gone.keys())
			if (!found.has(hex)) found.set(hex, Uint8Array.fromHex(hex));
		return [...found.values()];
	}

	/** Of namespaces that are gone, and too many to be told apart. */
	get forgotten(): TcpCounts {
		return this.#forgotten;
	}

	/**
	 * Once in a while: takes out entries of namespaces that are gone, if the table fills. What two looks
	 * find gone, and unchanged in between, no hook writes to any more.
	 */
	tidy(): void {
		if (this.#inserted() - this.#deleted < this.#map.maxEntries * FULL_SHARE) return;
		const alive = networkNamespaces();
		const doubtful = new Map<string, TcpCounts>();
		const over: Uint8Array[] = [];
		for (const key of [...this.#map.keys()]) {
			if (alive.has(netnsId.decode(key).inode)) continue;
			const [hex, now] = [key.toHex(), this.#inTable(key)];
			const before = this.#doubtful.get(hex);
			if (before !== undefined && areEqual(before, now)) over.push(key);
			else doubtful.set(hex, now);
		}
		this.#doubtful = doubtful;
		for (const key of over) this.#keep(key);
		const keys = new Uint8Array(over.length * netnsId.size);
		for (const [index, key] of over.entries()) keys.set(key, index * netnsId.size);
		if (over.length > 0) this.#map.deleteAll(keys, over.length);
		this.#deleted += over.length;
	}

	/** One that is in it already has come back, and gone again. */
	#keep(key: Uint8Array): void {
		const hex = key.toHex();
		const counts = this.of(key);
		this.#gone.delete(hex);
		this.#gone.set(hex, counts);
		if (this.#gone.size <= MOST_GONE) return;
		for (const [oldest, its] of this.#gone) {
			this.#forgotten = plus(this.#forgotten, its);
			this.#gone.delete(oldest);
			return;
		}
	}

	#inTable(key: Uint8Array): TcpCounts {
		const value = new Uint8Array(netnsCounts.size);
		return this.#map.lookup(key, value) ? netnsCounts.decode(value) : NOTHING;
	}
}
