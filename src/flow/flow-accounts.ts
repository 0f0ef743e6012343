/** The flows that conntrack follows in one network namespace, and when each is reported. */

import type { CtFlow, Instant } from "../maps/ct-flow.ts";
import { instantText, type Now } from "./clock.ts";
import { isOriginal, originalEnds, packEnds, protocolOf, translatedEnds } from "./flow-ends.ts";
import { protocolName } from "./protocols.ts";
import { assumedAge, intervalAt, type RatePoint } from "./rate-curve.ts";
import type { AccountingRecord } from "./records.ts";

/** enum ip_conntrack_status: it is being destroyed, and has a message of its own. */
const IPS_DYING = 1 << 9;

type Identity = Omit<
	AccountingRecord,
	| ("type" | "time" | "event" | "started" | "connection_mark")
	| ("packets_original" | "bytes_original" | "packets_reply" | "bytes_reply")
>;

/** As the kernel has told them last; null where it has not, or does not count. */
interface Counters {
	packetsOriginal: number | null;
	bytesOriginal: number | null;
	packetsReply: number | null;
	bytesReply: number | null;
	mark: number;
}

/** One flow, as long as it is in the kernel's table. */
interface Account extends Counters {
	readonly id: number;
	/** Ids of two flows may be the same. */
	readonly ends: Uint8Array;
	/** As in CtFlow; 0 until it is told. */
	entry: number;
	/** By the wall clock: what tells it from a later one with the same ends. */
	readonly startedMs: number;
	/** By the clock of what is due. */
	readonly bornMs: number;
	started: Instant | null;
	/** Text is made when it is first reported. */
	identity: Identity | null;
	/** Packets of both directions, as they were reported, or taken for known. */
	reported: number | null;
	/** It is not reported before, but for its end. */
	dueMs: number;
	/** Of the dump that had it last. */
	generation: number;
	/** The next one with this id. */
	next: Account | null;
}

const FIRST_PACKET = {
	...{ packets_original: 1, bytes_original: null, packets_reply: 0, bytes_reply: 0 },
} as const;

export interface FlowAccountsOptions {
	/** Inode number of the network namespace. */
	readonly netns: number;
	readonly rate: readonly RatePoint[];
	readonly maxFlows: number;
	/** Dumps that may be without a flow before it is over, as its own end may come later. Default 0. */
	readonly patience?: number;
}

export class FlowAccounts {
	readonly #options: FlowAccountsOptions;
	readonly #byId = new Map<number, Account>();
	#size = 0;
	#generation = 0;
	/** In a dump: by id, the ends of those that were told to be over since it began, and may be in it. */
	#over: Map<number, Uint8Array> | null = null;
	/** Flows that found no room, in all. */
	overflow = 0;

	constructor(options: FlowAccountsOptions) {
		this.#options = options;
	}

	get size(): number {
		return this.#size;
	}

	has(flow: CtFlow): boolean {
		return this.#find(flow) !== null;
	}

	/** A flow that was there before: its next packet is the first that is reported. */
	adopt(flow: CtFlow, now: Now): void {
		if (this.#find(flow) !== null) return;
		const wallMs = msOf(now.wall);
		const assumed = wallMs - assumedAge(this.#options.rate);
		const account = this.#add(flow, flow.hasStart ? msOf(flow.start) : assumed, now);
		count(account, flow);
		account.reported = packetsOf(account);
		account.dueMs = now.elapsedMs;
	}

	/** Its first packet, whose size is null where it is not told. */
	begin(flow: CtFlow, now: Now): AccountingRecord | null {
		const known = this.#find(flow);
		if (known !== null) {
			known.entry = flow.entry;
			return null;
		}
		const account = this.#add(flow, msOf(flow.hasTime ? flow.time : now.wall), now);
		count(account, flow);
		account.reported = packetsOf(account) ?? 1;
		account.dueMs = now.elapsedMs + intervalAt(this.#options.rate, 0);
		const record = this.#record("update", account, timeText(flow, now));
		return account.packetsOriginal === null ? { ...record, ...FIRST_PACKET } : record;
	}

	/** From here on, what see() is told is another dump, until endDump(). */
	beginDump(): void {
		this.#generation++;
		this.#over = new Map();
	}

	endDump(): void {
		this.#over = null;
	}

	/** What a dump has of a flow: a record where it moved, and is due. */
	see(flow: CtFlow, now: Now): AccountingRecord | null {
		if ((flow.status & IPS_DYING) !== 0) return null;
		const found = this.#find(flow);
		if (found === null && (this.#isFull || this.#isOver(flow))) return null;
		// Of a flow that was not there its beginning was lost: it is reported as it is.
		const account = found ?? this.#add(flow, msOf(flow.hasStart ? flow.start : now.wall), now);
		account.generation = this.#generation;
		count(account, flow);
		if (flow.hasStart) account.started ??= { ...flow.start };
		const packets = packetsOf(account);
		const hasMoved = packets !== null && packets !== account.reported;
		const { elapsedMs } = now;
		if (found !== null && (elapsedMs < account.dueMs || !hasMoved)) return null;
		account.reported = packets;
		account.dueMs = elapsedMs + intervalAt(this.#options.rate, elapsedMs - account.bornMs);
		return this.#record("update", account, timeText(flow, now));
	}

	/** Its last counters. */
	end(flow: CtFlow, now: Now): AccountingRecord {
		const account = this.#remove(flow) ?? this.#account(flow, msOf(now.wall), now);
		this.#over?.set(account.id, account.ends);
		count(account, flow);
		if (flow.hasStart) account.started ??= { ...flow.start };
		return this.#record("destroy", account, timeText(flow, now));
	}

	/**
	 * After a whole dump, and what came until its end: those that it, and `patience` before, did not
	 * have are over, and nobody told. Their counters are those of the dump that had them last.
	 */
	sweep(now: Now): AccountingRecord[] {
		const ended: AccountingRecord[] = [];
		const oldest = this.#generation - (this.#options.patience ?? 0);
		for (const [id, first] of this.#byId) {
			let kept: Account | null = null;
			for (const account of listOf(first)) {
				if (account.generation >= oldest) {
					account.next = kept;
					kept = account;
				} else ended.push(this.#record("destroy", account, instantText(now.wall)));
			}
			if (kept === null) this.#byId.delete(id);
			else this.#byId.set(id, kept);
		}
		this.#size -= ended.length;
		return ended;
	}

	#isOver({ id, original }: CtFlow): boolean {
		const ends = this.#over?.get(id);
		return ends !== undefined && isOriginal(ends, original);
	}

	get #isFull(): boolean {
		return this.#size >= this.#options.maxFlows;
	}

	#find(flow: CtFlow): Account | null {
		let account = this.#byId.get(flow.id) ?? null;
		while (account !== null && !isOf(account, flow)) account = account.next;
		return account;
	}

	/** @param startedMs by the wall clock */
	#account(flow: CtFlow, startedMs: number, { elapsedMs, wall }: Now): Account {
		const { hasStart, start, hasTime, time } = flow;
		const started = hasStart ? start : hasTime && flow.isBeginning ? time : null;
		return {
			...{ id: flow.id, ends: packEnds(flow), entry: flow.entry, startedMs },
			bornMs: elapsedMs - Math.max(msOf(wall) - startedMs, 0),
			...{ started: started === null ? null : { ...started }, identity: null },
			...{ packetsOriginal: null, bytesOriginal: null, packetsReply: null, bytesReply: null },
			...{ mark: 0, reported: null, dueMs: 0, generation: this.#generation, next: null },
		};
	}

	/** Not in the table where that is full: then nothing but its beginning and its end is reported. */
	#add(flow: CtFlow, startedMs: number, now: Now): Account {
		const account = this.#account(flow, startedMs, now);
		if (this.#isFull) {
			this.overflow++;
			return account;
		}
		this.#size++;
		account.next = this.#byId.get(account.id) ?? null;
		this.#byId.set(account.id, account);
		return account;
	}

	#remove(flow: CtFlow): Account | null {
		const found = this.#find(flow);
		if (found === null) return null;
		this.#size--;
		const first = this.#byId.get(found.id);
		if (first === found) {
			if (found.next === null) this.#byId.delete(found.id);
			else this.#byId.set(found.id, found.next);
			return found;
		}
		let before = first;
		while (before !== undefined && before.next !== found) before = before.next ?? undefined;
		if (before !== undefined) before.next = found.next;
		return found;
	}

	#record(event: AccountingRecord["event"], account: Account, time: string): AccountingRecord {
		account.identity ??= identityOf(this.#options.netns, account);
		return {
			...{ type: "accounting", time, event, ...account.identity },
			started: account.started === null ? null : instantText(account.started),
			packets_original: account.packetsOriginal,
			bytes_original: account.bytesOriginal,
			packets_reply: account.packetsReply,
			bytes_reply: account.bytesReply,
			connection_mark: account.mark,
		};
	}
}

function identityOf(netns: number, account: Account): Identity {
	return {
		flow_id: flowId(netns, account),
		transport: protocolName(protocolOf(account.ends)),
		...originalEnds(account.ends),
		netns,
		nat: translatedEnds(account.ends),
		pid: null,
		process: null,
	};
}

const isOf = ({ ends, entry }: Account, flow: CtFlow): boolean =>
	(entry === 0 || flow.entry === 0 || entry === flow.entry) && isOriginal(ends, flow.original);

function count(account: Account, flow: CtFlow): void {
	account.packetsOriginal = flow.packetsOriginal;
	account.bytesOriginal = flow.bytesOriginal;
	account.packetsReply = flow.packetsReply;
	account.bytesReply = flow.bytesReply;
	account.mark = flow.mark;
}

function packetsOf({ packetsOriginal, packetsReply }: Counters): number | null {
	return packetsOriginal === null || packetsReply === null ? null : packetsOriginal + packetsReply;
}

function listOf(first: Account | null): Account[] {
	const all: Account[] = [];
	for (let account = first; account !== null; account = account.next) all.push(account);
	return all;
}

const msOf = ({ seconds, ns }: Readonly<Instant>): number => seconds * 1000 + ns / 1e6;

const timeText = (flow: CtFlow, now: Now): string =>
	instantText(flow.hasTime ? flow.time : now.wall);

/** 64 bits in hexadecimal: of where, what and when it is, so that it is not that of a later flow. */
function flowId(netns: number, { id, ends, startedMs }: Account): string {
	const bytes = new Uint8Array(ends.length + 16);
	const view = new DataView(bytes.buffer);
	bytes.set(ends);
	view.setUint32(ends.length, netns);
	view.setUint32(ends.length + 4, id);
	view.setFloat64(ends.length + 8, startedMs);
	return Bun.hash.wyhash(bytes).toString(16).padStart(16, "0");
}
