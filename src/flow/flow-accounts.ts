/** The flows that conntrack follows in one network namespace, and when each is reported. */

import type { CtMessage, Tuple } from "../maps/ctnetlink.ts";
import { addressText } from "./address.ts";
import { instantText, isoTime } from "./clock.ts";
import { protocolName } from "./protocols.ts";
import { assumedAge, intervalAt, type RatePoint } from "./rate-curve.ts";
import type { AccountingRecord, TranslatedEnds } from "./records.ts";

/** enum ip_conntrack_status: it is being destroyed, and has a message of its own. */
const IPS_DYING = 1 << 9;

type Identity = Omit<
	AccountingRecord,
	| ("type" | "time" | "event" | "packets_original" | "bytes_original")
	| ("packets_reply" | "bytes_reply" | "connection_mark")
>;

/** One flow, as long as it is in the kernel's table. */
interface Account {
	readonly id: number;
	/** Its addresses, ports and protocol: ids of two flows may be the same. */
	readonly key: Uint8Array;
	readonly startedMs: number;
	/** Text is made when it is first reported. */
	identity: Identity | null;
	/** As they were reported, or taken for known. */
	packetsOriginal: number | null;
	packetsReply: number | null;
	/** It is not reported before, but for its end. */
	dueMs: number;
	/** Of the dump that had it last. */
	generation: number;
	/** The next one with this id. */
	next: Account | null;
}

export interface FlowAccountsOptions {
	/** Inode number of the network namespace. */
	readonly netns: number;
	readonly rate: readonly RatePoint[];
	readonly maxFlows: number;
}

export class FlowAccounts {
	readonly #options: FlowAccountsOptions;
	readonly #byId = new Map<number, Account>();
	#size = 0;
	#generation = 0;
	/** Flows that found no room, in all. */
	overflow = 0;

	constructor(options: FlowAccountsOptions) {
		this.#options = options;
	}

	get size(): number {
		return this.#size;
	}

	/** A flow that was there before: its next packet is the first that is reported. */
	adopt(message: CtMessage, nowMs: number): void {
		if (this.#find(message) !== null) return;
		const { packetsOriginal, packetsReply } = message;
		const age = message.hasStart ? nowMs - startOf(message) : assumedAge(this.#options.rate);
		this.#add(message, nowMs - age, { packetsOriginal, packetsReply, dueMs: nowMs });
	}

	/** Its first packet, which it counts in one direction, and whose size it does not say. */
	begin(message: CtMessage, nowMs: number): AccountingRecord | null {
		if (this.#find(message) !== null) return null;
		const startedMs = message.hasTime ? timeOf(message) : nowMs;
		const dueMs = nowMs + intervalAt(this.#options.rate, 0);
		const account = this.#add(message, startedMs, { packetsOriginal: 1, packetsReply: 0, dueMs });
		return {
			...this.#record("update", account, message, nowMs),
			...{ packets_original: 1, bytes_original: null, packets_reply: 0, bytes_reply: 0 },
		};
	}

	/** From here on, what see() is told is another dump. */
	beginDump(): void {
		this.#generation++;
	}

	/** What a dump has of a flow: a record where it moved, and is due. */
	see(message: CtMessage, nowMs: number): AccountingRecord | null {
		if ((message.status & IPS_DYING) !== 0) return null;
		const account = this.#find(message);
		if (account === null) return this.#seeUnknown(message, nowMs);
		account.generation = this.#generation;
		if (nowMs < account.dueMs || !hasMoved(account, message)) return null;
		return this.#report(account, message, nowMs);
	}

	/** Its beginning was lost: it is reported as it is. */
	#seeUnknown(message: CtMessage, nowMs: number): AccountingRecord {
		const startedMs = message.hasStart ? startOf(message) : nowMs;
		const none = { packetsOriginal: null, packetsReply: null, dueMs: nowMs };
		return this.#report(this.#add(message, startedMs, none), message, nowMs);
	}

	/** Its last counters. */
	end(message: CtMessage, nowMs: number): AccountingRecord {
		const account = this.#remove(message) ?? this.#account(message, nowMs, NEVER_DUE);
		return this.#record("destroy", account, message, nowMs);
	}

	/** Drops those that the last dump did not have: the message of their end was lost. */
	sweep(): void {
		for (const [id, first] of this.#byId) {
			const all = listOf(first);
			const kept = all
				.filter(({ generation }) => generation === this.#generation)
				.reduce<Account | null>((next, account) => Object.assign(account, { next }), null);
			this.#size -= all.length - listOf(kept).length;
			if (kept === null) this.#byId.delete(id);
			else this.#byId.set(id, kept);
		}
	}

	#report(account: Account, message: CtMessage, nowMs: number): AccountingRecord {
		account.packetsOriginal = message.packetsOriginal;
		account.packetsReply = message.packetsReply;
		account.dueMs = nowMs + intervalAt(this.#options.rate, nowMs - account.startedMs);
		return this.#record("update", account, message, nowMs);
	}

	#find(message: CtMessage): Account | null {
		let account = this.#byId.get(message.id) ?? null;
		while (account !== null && !hasKey(account.key, message.original)) account = account.next;
		return account;
	}

	#account(message: CtMessage, startedMs: number, state: State): Account {
		const key = keyOf(message.original);
		const generation = this.#generation;
		return { id: message.id, key, startedMs, identity: null, generation, next: null, ...state };
	}

	/** Not in the table where that is full: then nothing but its beginning and its end is reported. */
	#add(message: CtMessage, startedMs: number, state: State): Account {
		const account = this.#account(message, startedMs, state);
		if (this.#size >= this.#options.maxFlows) {
			this.overflow++;
			return account;
		}
		this.#size++;
		account.next = this.#byId.get(account.id) ?? null;
		this.#byId.set(account.id, account);
		return account;
	}

	#remove(message: CtMessage): Account | null {
		const found = this.#find(message);
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

	#record(
		event: AccountingRecord["event"],
		account: Account,
		message: CtMessage,
		nowMs: number,
	): AccountingRecord {
		account.identity ??= this.#identity(account, message);
		const time = message.hasTime ? instantText(message.time) : isoTime(nowMs);
		return {
			...{ type: "accounting", time, event, ...account.identity },
			// Before 6.14 the message of the beginning does not say it.
			started: account.identity.started ?? (message.hasStart ? instantText(message.start) : null),
			packets_original: message.packetsOriginal,
			bytes_original: message.bytesOriginal,
			packets_reply: message.packetsReply,
			bytes_reply: message.bytesReply,
			connection_mark: message.mark,
		};
	}

	#identity(account: Account, message: CtMessage): Identity {
		const { original, reply } = message;
		const { netns } = this.#options;
		const started = message.hasStart ? message.start : message.hasTime ? message.time : null;
		return {
			flow_id: flowId(netns, account),
			started: started === null ? null : instantText(started),
			transport: protocolName(original.protocol),
			source_address: addressText(original.source),
			source_port: original.sourcePort,
			destination_address: addressText(original.destination),
			destination_port: original.destinationPort,
			netns,
			nat: message.isTranslated ? translated(reply) : null,
			pid: null,
			process: null,
		};
	}
}

function listOf(first: Account | null): Account[] {
	const all: Account[] = [];
	for (let account = first; account !== null; account = account.next) all.push(account);
	return all;
}

type State = Pick<Account, "packetsOriginal" | "packetsReply" | "dueMs">;

/** Of a flow that is over. */
const NEVER_DUE: State = { packetsOriginal: null, packetsReply: null, dueMs: 0 };

const KEY = {
	source: 0,
	destination: 16,
	sourcePort: 32,
	destinationPort: 34,
	protocol: 36,
} as const;
const KEY_BYTES = 37;

function keyOf({ source, destination, sourcePort, destinationPort, protocol }: Tuple): Uint8Array {
	const key = new Uint8Array(KEY_BYTES);
	key.set(source, KEY.source);
	key.set(destination, KEY.destination);
	key.set([(sourcePort ?? 0) >> 8, sourcePort ?? 0], KEY.sourcePort);
	key.set([(destinationPort ?? 0) >> 8, destinationPort ?? 0], KEY.destinationPort);
	key[KEY.protocol] = protocol;
	return key;
}

function hasKey(key: Uint8Array, tuple: Tuple): boolean {
	const { sourcePort, destinationPort, protocol } = tuple;
	const port = (at: number): number => ((key[at] ?? 0) << 8) | (key[at + 1] ?? 0);
	if (port(KEY.sourcePort) !== (sourcePort ?? 0)) return false;
	if (port(KEY.destinationPort) !== (destinationPort ?? 0)) return false;
	if (key[KEY.protocol] !== protocol) return false;
	for (let i = 0; i < tuple.source.length; i++) {
		if (key[KEY.source + i] !== tuple.source[i]) return false;
		if (key[KEY.destination + i] !== tuple.destination[i]) return false;
	}
	return true;
}

function hasMoved(account: Account, message: CtMessage): boolean {
	return (
		account.packetsOriginal !== message.packetsOriginal ||
		account.packetsReply !== message.packetsReply
	);
}

const startOf = ({ start }: CtMessage): number => start.seconds * 1000 + start.ns / 1e6;
const timeOf = ({ time }: CtMessage): number => time.seconds * 1000 + time.ns / 1e6;

/** 64 bits in hexadecimal: of where, what and when it is, so that it is not that of a later flow. */
function flowId(netns: number, { id, key, startedMs }: Account): string {
	const bytes = new Uint8Array(KEY_BYTES + 16);
	const view = new DataView(bytes.buffer);
	bytes.set(key);
	view.setUint32(KEY_BYTES, netns);
	view.setUint32(KEY_BYTES + 4, id);
	view.setFloat64(KEY_BYTES + 8, startedMs);
	return Bun.hash.wyhash(bytes).toString(16).padStart(16, "0");
}

/** What the other side sees, and who it is. */
function translated(reply: Tuple): TranslatedEnds {
	return {
		source_address: addressText(reply.destination),
		source_port: reply.destinationPort,
		destination_address: addressText(reply.source),
		destination_port: reply.sourcePort,
	};
}
