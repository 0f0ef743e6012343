/** The flows of one network namespace, as long as they are accounted for. */

import { sysctl } from "../enrich/procfs.ts";
import { FlowAccounts, type FlowAccountsOptions } from "../flow/flow-accounts.ts";
import type { AccountingRecord } from "../flow/records.ts";
import type { CtMessage } from "../maps/ctnetlink.ts";
import { ConntrackNetns } from "./conntrack-netns.ts";

/** Whether the kernel tells of what begins and ends. */
export const CONNTRACK_EVENTS = "net.netfilter.nf_conntrack_events";
/** Messages of one look. */
const MOST_MESSAGES = 16_384;

/** What was lost since the last call of losses(). */
interface Losses {
	/** Messages for which the kernel found no room. */
	queue: number;
	/** Flows for which we found none. */
	flow_table: number;
	/** Ends of which the kernel told nothing, and dropped nothing. */
	connection_end: number;
}

type Take = (record: AccountingRecord | null) => void;

export class FollowedNetns implements Disposable {
	readonly #netns: ConntrackNetns;
	readonly #accounts: FlowAccounts;
	readonly #isTold = sysctl(CONNTRACK_EVENTS) !== 0;
	#lost: Losses = { queue: 0, flow_table: 0, connection_end: 0 };
	#overflow = 0;
	/** Messages were dropped, and no whole dump has made up for it yet. */
	#isBehind = false;

	private constructor(netns: ConntrackNetns, accounts: FlowAccounts) {
		this.#netns = netns;
		this.#accounts = accounts;
	}

	/**
	 * The one that the thread is in, with the flows that are there.
	 *
	 * @param bufferBytes of the kernel, for what has not been read yet
	 * @throws PermissionError, UnsupportedError, LibbpfError
	 */
	static open(options: FlowAccountsOptions, bufferBytes: number): FollowedNetns {
		using owned = new DisposableStack();
		const netns = owned.use(ConntrackNetns.open(bufferBytes));
		const accounts = new FlowAccounts(options);
		const now = wallMs();
		netns.table.dump(
			() => {},
			(message) => accounts.adopt(message, now),
		);
		owned.move();
		return new FollowedNetns(netns, accounts);
	}

	/** Flows that are followed now. */
	get size(): number {
		return this.#accounts.size;
	}

	/** What has happened since the last call, and, if `isDue`, what the table says. */
	read(isDue: boolean, take: Take): void {
		this.#readMessages(MOST_MESSAGES, take);
		const hasFlows = this.#accounts.size > 0 || !this.#isTold;
		if (this.#isBehind || (isDue && hasFlows)) this.#readTable(take);
	}

	/** For the last time: nobody will tell of the ends of what is still there. */
	leave(take: Take): void {
		this.#readTable(take);
		this.#accounts.beginDump();
		this.#sweep(false, take);
	}

	losses(): Losses {
		const lost = this.#lost;
		lost.flow_table += this.#accounts.overflow - this.#overflow;
		this.#overflow = this.#accounts.overflow;
		this.#lost = { queue: 0, flow_table: 0, connection_end: 0 };
		return lost;
	}

	#readTable(take: Take): void {
		const accounts = this.#accounts;
		const wasBehind = this.#isBehind;
		this.#isBehind = false;
		const isWhole = this.#netns.table.dump(
			() => accounts.beginDump(),
			(message) => {
				// Its beginning is told by its own message first.
				if (!accounts.has(message)) this.#readMessages(Number.POSITIVE_INFINITY, take);
				take(accounts.see(message, wallMs()));
			},
		);
		accounts.endDump();
		// What ended before the dump has told so by now, or never will.
		this.#readMessages(Number.POSITIVE_INFINITY, take);
		if (isWhole) this.#sweep(wasBehind || this.#isBehind, take);
		else this.#isBehind ||= wasBehind;
	}

	/** @param isCounted whether the message of an end may be among those that were dropped */
	#sweep(isCounted: boolean, take: Take): void {
		const ended = this.#accounts.sweep(wallMs());
		if (!isCounted) this.#lost.connection_end += ended.length;
		for (const record of ended) take(record);
	}

	#readMessages(most: number, take: Take): void {
		const now = wallMs();
		this.#netns.read(
			most,
			(message: CtMessage) => take(this.#accounts.begin(message, now)),
			(message: CtMessage) => take(this.#accounts.end(message, now)),
		);
		// The error for it comes once for many.
		const dropped = this.#netns.dropped();
		this.#lost.queue += dropped;
		if (dropped > 0) this.#isBehind = true;
	}

	[Symbol.dispose](): void {
		this.#netns[Symbol.dispose]();
	}
}

const wallMs = (): number => performance.timeOrigin + performance.now();
