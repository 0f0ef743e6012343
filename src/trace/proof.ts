/**
 * The proof that nothing was missed: what was recorded, against what the kernel counted in
 * /proc/net/snmp meanwhile, for each network namespace.
 */

import { networkNamespaces, tcpCounts } from "../enrich/procfs.ts";
import { netnsCookie } from "../ffi/libc.ts";
import type { SummaryRecord, TcpCounts } from "../flow/records.ts";
import { netnsId } from "../maps/structs.ts";
import { visitNetns } from "./netns.ts";
import { areEqual, combine, type NetnsCounters, NOTHING, plus } from "./netns-counters.ts";

/** Connections come and go while we look; among so many looks, a few fall between two of them. */
const MOST_LOOKS = 64;
/** One alone may fall into the moment in which the kernel has counted and our hook has not, or the other way round. */
const EQUAL_LOOKS = 3;
/** How often it looks again at the end, and how long it waits before: more than a turn on a CPU. */
const MOST_AGAIN = 10;
const AGAIN_MS = 5;

const minus = (a: TcpCounts, b: TcpCounts): TcpCounts => combine(a, b, (x, y) => x - y);

/** By the bytes of struct netns_id. */
type Differences = ReadonlyMap<string, TcpCounts>;

export type Verdict = Pick<SummaryRecord, "seen" | "kernel" | "unverified">;

/** Where no TCP is traced. */
export const NO_VERDICT: Verdict = { seen: null, kernel: null, unverified: NOTHING };

export class Proof {
	readonly #counters: NetnsCounters;
	/** Recorded − counted, when the hooks were in. A namespace born since has none: 0. */
	readonly #atStart: Differences;
	#atEnd: Differences = new Map();

	/** Right after the hooks are in. */
	constructor(counters: NetnsCounters) {
		this.#counters = counters;
		this.#atStart = this.#differences();
	}

	/**
	 * Right before the hooks come out. Looks again where it is not as it was at the start: an event
	 * may be in the moment between hook and counter, for long on a CPU that is stopped there.
	 */
	measure(): void {
		this.#atEnd = this.#differences(this.#atStart);
	}

	/** After measure(), when the hooks are out and the counters stand still. */
	verdict(): Verdict {
		let [seen, kernel, unverified] = [NOTHING, NOTHING, this.#counters.forgotten];
		for (const key of this.#counters.keys()) {
			const recorded = this.#counters.of(key);
			const atEnd = this.#atEnd.get(key.toHex());
			if (atEnd === undefined) {
				unverified = plus(unverified, recorded);
				continue;
			}
			const missed = minus(this.#atStart.get(key.toHex()) ?? NOTHING, atEnd);
			seen = plus(seen, recorded);
			kernel = plus(kernel, plus(recorded, missed));
		}
		return { seen, kernel, unverified };
	}

	/** @param expected null: whatever it is */
	#differences(expected: Differences | null = null): Differences {
		const found = new Map<string, TcpCounts>();
		for (const [inode, path] of networkNamespaces()) {
			visitNetns(path, () => {
				const key = netnsId.encode({ cookie: netnsCookie(), inode, pad: 0 });
				const wanted = expected && (expected.get(key.toHex()) ?? NOTHING);
				found.set(key.toHex(), this.#settled(key, wanted));
			});
		}
		return found;
	}

	#settled(key: Uint8Array, expected: TcpCounts | null): TcpCounts {
		let now = this.#difference(key);
		for (let again = 0; again < MOST_AGAIN; again++) {
			if (expected === null || areEqual(now, expected)) break;
			Bun.sleepSync(AGAIN_MS);
			now = this.#difference(key);
		}
		return now;
	}

	/**
	 * Recorded − counted, in the namespace that the thread is in. Where no look is quiet, with nothing
	 * recorded meanwhile, the smallest is next to it: the kernel's counters are read first, so what
	 * happens during a look makes the difference larger.
	 */
	#difference(key: Uint8Array): TcpCounts {
		let before = this.#counters.of(key);
		let smallest: TcpCounts | null = null;
		let quiet: TcpCounts | null = null;
		let equal = 0;
		for (let look = 0; look < MOST_LOOKS; look++) {
			const counted = tcpCounts();
			const after = this.#counters.of(key);
			const now = minus(after, counted);
			smallest = smallest === null ? now : combine(smallest, now, Math.min);
			if (areEqual(before, after)) {
				equal = quiet !== null && areEqual(now, quiet) ? equal + 1 : 1;
				quiet = now;
			}
			if (equal === EQUAL_LOOKS) return now;
			before = after;
		}
		return smallest ?? NOTHING;
	}
}
