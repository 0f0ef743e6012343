/**
 * The proof that nothing was missed: what was recorded, against what the kernel counted in
 * /proc/net/snmp meanwhile, for each network namespace.
 */

import { networkNamespaces, tcpCounts } from "../enrich/procfs.ts";
import type { BpfMap } from "../ffi/map.ts";
import type { TcpCounts } from "../flow/records.ts";
import { netnsCounts } from "../maps/structs.ts";
import { visitNetns } from "./netns.ts";

const NAMES = ["active_opens", "passive_opens", "attempt_fails", "estab_resets"] as const;
const NOTHING: TcpCounts = {
	active_opens: 0,
	passive_opens: 0,
	attempt_fails: 0,
	estab_resets: 0,
};

/** Connections arrive while we look; among so many looks, one falls between two of them. */
const MOST_LOOKS = 64;
const EQUAL_LOOKS = 3;

function combine(
	a: TcpCounts,
	b: TcpCounts,
	how: (a: number, b: number) => number,
): Record<(typeof NAMES)[number], number> {
	const result = { ...NOTHING };
	for (const name of NAMES) result[name] = how(a[name], b[name]);
	return result;
}

const plus = (a: TcpCounts, b: TcpCounts): TcpCounts => combine(a, b, (x, y) => x + y);
const minus = (a: TcpCounts, b: TcpCounts): TcpCounts => combine(a, b, (x, y) => x - y);

export interface Verdict {
	readonly seen: TcpCounts;
	readonly kernel: TcpCounts;
	readonly unverified: TcpCounts;
}

export class Proof {
	readonly #counters: BpfMap;
	/** netns → recorded − counted, when the hooks were in. A namespace born since has none: 0. */
	readonly #atStart: ReadonlyMap<number, TcpCounts>;
	#atEnd: ReadonlyMap<number, TcpCounts> = new Map();

	/** Right after the hooks are in. `counters` is netns_counters. */
	constructor(counters: BpfMap) {
		this.#counters = counters;
		this.#atStart = this.#differences();
	}

	/** Right before the hooks come out. */
	measure(): void {
		this.#atEnd = this.#differences();
	}

	/** After measure(), when the hooks are out and the counters stand still. */
	verdict(): Verdict {
		let [seen, kernel, unverified] = [NOTHING, NOTHING, NOTHING];
		for (const key of this.#counters.keys()) {
			const netns = new DataView(key.buffer).getUint32(0, true);
			const recorded = this.#recorded(netns);
			const atEnd = this.#atEnd.get(netns);
			if (atEnd === undefined) {
				unverified = plus(unverified, recorded);
				continue;
			}
			const missed = minus(this.#atStart.get(netns) ?? NOTHING, atEnd);
			seen = plus(seen, recorded);
			kernel = plus(kernel, plus(recorded, missed));
		}
		return { seen, kernel, unverified };
	}

	#differences(): Map<number, TcpCounts> {
		const found = new Map<number, TcpCounts>();
		for (const [netns, path] of networkNamespaces()) {
			const difference = visitNetns(path, () => this.#difference(netns));
			if (difference !== null) found.set(netns, difference);
		}
		return found;
	}

	/**
	 * Recorded − counted, in the namespace that the thread is in. The hooks count before the kernel
	 * does, and the kernel's counters are read first, so whatever happens during a look makes the
	 * difference larger, never smaller: the smallest of several is the true one.
	 */
	#difference(netns: number): TcpCounts {
		let smallest: TcpCounts | null = null;
		let equal = 0;
		for (let look = 0; look < MOST_LOOKS && equal < EQUAL_LOOKS; look++) {
			const counted = tcpCounts();
			const now = minus(this.#recorded(netns), counted);
			const best: TcpCounts = smallest === null ? now : combine(smallest, now, Math.min);
			const isEqual = smallest !== null && NAMES.every((name) => now[name] === smallest?.[name]);
			equal = isEqual ? equal + 1 : 0;
			smallest = best;
		}
		return smallest ?? NOTHING;
	}

	#recorded(netns: number): TcpCounts {
		const key = new Uint8Array(Uint32Array.of(netns).buffer);
		const value = new Uint8Array(netnsCounts.size);
		return this.#counters.lookup(key, value) ? netnsCounts.decode(value) : NOTHING;
	}
}
