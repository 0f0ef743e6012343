/** The flows of one network namespace, as long as they are accounted for. */

import { FlowAccounts, type FlowAccountsOptions } from "../flow/flow-accounts.ts";
import type { AccountingRecord } from "../flow/records.ts";
import type { CtFlow } from "../maps/ct-flow.ts";
import { NOW } from "./clock.ts";
import { ConntrackTable } from "./conntrack-table.ts";
import type { FlowListener, FlowNews } from "./flow-news.ts";

/** News of one look. */
const MOST_NEWS = 16_384;

/** What was lost since the last call of losses(). */
export interface Losses {
	/** News for which the kernel found no room. */
	queue: number;
	/** Flows for which we found none. */
	flow_table: number;
	/** Ends of which nothing told, and nothing was dropped. */
	connection_end: number;
	/** Packets that began a flow for which conntrack itself had no room: it has dropped them. */
	conntrack_table: number;
}

export const nothingLost = (): Losses => ({
	...{ queue: 0, flow_table: 0, connection_end: 0, conntrack_table: 0 },
});

export type Take = (record: AccountingRecord | null) => void;

export class FollowedNetns implements FlowListener, Disposable {
	readonly #accounts: FlowAccounts;
	readonly #news: FlowNews;
	readonly #take: Take;
	/** Null where nobody is in there any more, or it is not known where it is. */
	#table: ConntrackTable | null = null;
	#lost = nothingLost();
	/** Of the kernel's table, in all. */
	#refused = 0;
	#overflow = 0;
	/** News was dropped, and no whole dump has made up for it yet. */
	#isBehind = false;
	/** Sweeps to come that may find ends whose news was among what was dropped. */
	#excused = 0;

	/** @param openNews of this namespace, to this listener */
	constructor(
		options: Omit<FlowAccountsOptions, "patience">,
		openNews: (listener: FlowListener) => FlowNews,
		take: Take,
	) {
		this.#take = take;
		this.#news = openNews(this);
		this.#accounts = new FlowAccounts({ ...options, patience: this.#news.patience });
	}

	/**
	 * From the namespace itself: with the flows that are there, and of which no news has come.
	 *
	 * @throws PermissionError, UnsupportedError, LibbpfError
	 */
	openTable(): void {
		this.#table = ConntrackTable.open();
		this.#refused = this.#table.drops();
		this.#table.dump(
			() => {},
			(flow) => {
				this.#beginFirst(flow);
				this.#accounts.adopt(flow, NOW);
			},
		);
	}

	/** Ends may have been dropped, and are to be found by a dump. */
	get isBehind(): boolean {
		return this.#isBehind;
	}

	get hasTable(): boolean {
		return this.#table !== null;
	}

	/** The namespace is not kept by it any more. */
	closeTable(): void {
		this.#table?.[Symbol.dispose]();
		this.#table = null;
	}

	/** Flows that are followed now. */
	get size(): number {
		return this.#accounts.size;
	}

	begin(flow: CtFlow): void {
		this.#take(this.#accounts.begin(flow, NOW));
	}

	end(flow: CtFlow): void {
		this.#take(this.#accounts.end(flow, NOW));
	}

	/** What has happened since the last call, and, if `isDue`, what the table says. */
	read(isDue: boolean): void {
		this.#readNews(MOST_NEWS);
		const hasFlows = this.#accounts.size > 0 || this.#news.isIncomplete;
		if (this.#isBehind || (isDue && hasFlows)) this.#readTable();
		if (isDue) this.#countRefused();
	}

	/** For the last time: nobody will tell of the ends of what is still there. */
	leave(): void {
		this.#readTable();
		for (let dump = 0; dump <= this.#news.patience; dump++) this.#accounts.beginDump();
		this.#excused = 0;
		this.#sweep();
	}

	losses(): Losses {
		const lost = this.#lost;
		lost.flow_table += this.#accounts.overflow - this.#overflow;
		this.#overflow = this.#accounts.overflow;
		this.#lost = nothingLost();
		return lost;
	}

	#readTable(): void {
		if (this.#table === null) return;
		const accounts = this.#accounts;
		const wasBehind = this.#isBehind;
		this.#isBehind = false;
		const isWhole = this.#table.dump(
			() => accounts.beginDump(),
			(flow) => {
				this.#beginFirst(flow);
				this.#take(accounts.see(flow, NOW));
			},
		);
		accounts.endDump();
		// What ended before the dump has told so by now, or never will.
		this.#readNews(Number.POSITIVE_INFINITY);
		if (wasBehind || this.#isBehind) this.#excused = 1 + this.#news.patience;
		if (isWhole) this.#sweep();
		else this.#isBehind ||= wasBehind;
	}

	#countRefused(): void {
		if (this.#table === null) return;
		const refused = this.#table.drops();
		this.#lost.conntrack_table += refused - this.#refused;
		this.#refused = refused;
	}

	/** Of a flow of a dump: its beginning is told by its own news first. */
	#beginFirst(flow: CtFlow): void {
		this.#news.identify(flow);
		if (!this.#accounts.has(flow)) this.#readNews(Number.POSITIVE_INFINITY);
	}

	#sweep(): void {
		const ended = this.#accounts.sweep(NOW);
		if (this.#excused > 0) this.#excused--;
		else this.#lost.connection_end += ended.length;
		for (const record of ended) this.#take(record);
	}

	#readNews(most: number): void {
		this.#news.read(most);
		const { count, isBehind } = this.#news.dropped();
		this.#lost.queue += count;
		if (isBehind) this.#isBehind = true;
	}

	[Symbol.dispose](): void {
		this.closeTable();
		this.#news[Symbol.dispose]();
	}
}
