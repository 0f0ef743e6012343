/** The network namespaces whose flows are followed: all that there are, or those that are wanted. */

import { networkNamespaces, sysctl } from "../enrich/procfs.ts";
import type { AccountingFilter } from "../flow/accounting-filter.ts";
import type { RatePoint } from "../flow/rate-curve.ts";
import type { BorrowedSysctls } from "./borrowed-sysctls.ts";
import type { ConntrackHooks } from "./conntrack-hooks.ts";
import type { FlowListener, FlowNews } from "./flow-news.ts";
import { FollowedNetns, type Losses, nothingLost, type Take } from "./followed-netns.ts";
import { CONNTRACK_EVENTS, NetlinkNews } from "./netlink-news.ts";
import { visitNetns } from "./netns.ts";

export const ACCT = "net.netfilter.nf_conntrack_acct";
const TIMESTAMP = "net.netfilter.nf_conntrack_timestamp";
/** Taken as it is needed. */
const NETLINK_BYTES = 64 * 2 ** 20;

interface Options {
	readonly filter: AccountingFilter | null;
	readonly rate: readonly RatePoint[];
	readonly maxFlows: number;
	readonly bufferBytes: number | null;
}

interface With {
	/** Null: ctnetlink tells of what begins and ends. */
	readonly hooks: ConntrackHooks | null;
	/** Null: they are left as they are. */
	readonly sysctls: BorrowedSysctls | null;
	readonly take: Take;
}

export class FollowedNamespaces implements Disposable {
	readonly #options: Options;
	readonly #hooks: ConntrackHooks | null;
	readonly #sysctls: BorrowedSysctls | null;
	readonly #take: Take;
	readonly #followed = new Map<number, FollowedNetns>();
	/** Of those that were left. */
	#lost = nothingLost();
	#drops = 0;

	constructor(options: Options, { hooks, sysctls, take }: With) {
		this.#options = options;
		this.#hooks = hooks;
		this.#sysctls = sysctls;
		this.#take = take;
		// The next scan may find it, or it is gone by then.
		hooks?.onUnknown((netns) => (this.#isWanted(netns) ? this.#follow(netns) : null));
	}

	/** Flows that are followed now. */
	get size(): number {
		return this.#all().reduce((sum, { size }) => sum + size, 0);
	}

	/**
	 * Follows what is new, and leaves what nobody else is in: an open socket would keep it.
	 *
	 * @returns in how many of those that are new a sysctl is 0
	 * @throws PermissionError, UnsupportedError, LibbpfError
	 */
	scan(): { acct: number; events: number } {
		const found = networkNamespaces();
		for (const [inode, netns] of this.#followed) if (!found.has(inode)) this.#leave(inode, netns);
		const off = { acct: 0, events: 0 };
		for (const [inode, path] of found) {
			if (!this.#isWanted(inode) || this.#followed.get(inode)?.hasTable) continue;
			visitNetns(path, () => {
				this.#sysctls?.turnOn(inode, [ACCT, TIMESTAMP]);
				if (sysctl(ACCT) === 0) off.acct++;
				if (this.#hooks === null && sysctl(CONNTRACK_EVENTS) === 0) off.events++;
				(this.#followed.get(inode) ?? this.#follow(inode)).openTable();
			});
		}
		return off;
	}

	/** @param isDue whether the tables are, too */
	read(isDue: boolean): void {
		for (const netns of this.#all()) netns.read(isDue);
	}

	/** Since the last call. */
	losses(): Losses {
		for (const netns of this.#all()) this.#count(netns);
		const drops = this.#hooks?.drops ?? 0;
		const lost = this.#lost;
		lost.queue += drops - this.#drops;
		this.#drops = drops;
		this.#lost = nothingLost();
		return lost;
	}

	#all(): FollowedNetns[] {
		return [...this.#followed.values()];
	}

	#isWanted(inode: number): boolean {
		const { filter } = this.#options;
		return filter === null || filter.netns.length === 0 || filter.netns.includes(inode);
	}

	/** Without hooks, from the namespace itself. */
	#follow(inode: number): FollowedNetns {
		const { rate, maxFlows, bufferBytes } = this.#options;
		const hooks = this.#hooks;
		const newsTo = (listener: FlowListener): FlowNews =>
			hooks === null
				? NetlinkNews.open(bufferBytes ?? NETLINK_BYTES, listener)
				: hooks.newsOf(inode, listener);
		const netns = new FollowedNetns({ netns: inode, rate, maxFlows }, newsTo, this.#take);
		this.#followed.set(inode, netns);
		return netns;
	}

	/** Hooks tell of its flows until the last one is over. */
	#leave(inode: number, netns: FollowedNetns): void {
		const isToldOf = this.#hooks !== null && !netns.isBehind;
		if (isToldOf && netns.size > 0) {
			netns.closeTable();
			return;
		}
		netns.leave();
		this.#count(netns);
		netns[Symbol.dispose]();
		this.#followed.delete(inode);
	}

	#count(netns: FollowedNetns): void {
		const { queue, flow_table, connection_end, conntrack_table } = netns.losses();
		this.#lost.queue += queue;
		this.#lost.flow_table += flow_table;
		this.#lost.connection_end += connection_end;
		this.#lost.conntrack_table += conntrack_table;
	}

	[Symbol.dispose](): void {
		for (const netns of this.#all()) netns[Symbol.dispose]();
		this.#followed.clear();
	}
}
