/** Questions of DNS that wait for their answers: what is seen on the wire becomes one record for each. */

import type { DnsHead, DnsMessage } from "./dns-message.ts";
import {
	askedOf,
	clientKeyOf,
	idKeyOf,
	isOfQuestion,
	keyOf,
	type SeenPacket,
} from "./dns-packet-keys.ts";
import {
	type Asked,
	type DnsTransaction,
	endWith,
	giveUp,
	type Instant,
	nanosecondsBetween,
} from "./dns-transaction.ts";
import { ShortLists } from "./short-lists.ts";

const QUERY = 0;
/** From coming in at one interface to leaving by another. */
const FORWARDED_NS = 1_000_000_000;
const NS_PER_MS = 1_000_000;

interface Options {
	/** Questions that wait at one time. */
	readonly most: number;
	/** Until a question is given up. */
	readonly timeoutMs: number;
	/** By how much the clock had been set when it showed this: what passed since has no part in it. Default: not at all. */
	readonly setNsAt?: (time: Instant) => number;
	/** Answers of one second whose questions were not seen; more are counted, and not read. */
	readonly mostUnasked: number;
}

/** How a question that waits is found. */
interface Place {
	/** By its ends, those that it was forwarded with among them, and its id. */
	readonly keys: string[];
	/** Where its ends, or those of its answer, may be others; null: nowhere. */
	readonly loose: string | null;
	readonly hopLimit: number;
	/** By how much the clock had been set. */
	readonly setNs: number;
	/** It was met where it leaves. */
	isForwarded: boolean;
}

export class DnsTransactions {
	readonly #options: Options;
	readonly #waiting = new ShortLists<DnsTransaction>();
	readonly #loose = new ShortLists<DnsTransaction>();
	/** The oldest comes first. */
	readonly #byAge = new Map<DnsTransaction, Place>();
	/** Keys of what has come to its end; the last one last. Another answer to it is none of another question. */
	readonly #ended = new Set<string>();
	#begun: DnsTransaction[] = [];
	#done: DnsTransaction[] = [];
	#dropped = 0;
	#broken = 0;
	#unasked = { second: 0, read: 0, unread: 0 };

	constructor(options: Options) {
		this.#options = options;
	}

	/** Questions that wait now. */
	get size(): number {
		return this.#byAge.size;
	}

	/** What was seen of in `netns`. What is no query, or goes to many, is passed over. */
	take(netns: number, packet: SeenPacket, message: DnsMessage, at: Instant): void {
		const elsewhere = message.isAnswer ? this.#askedElsewhere(netns, packet, message) : undefined;
		if (this.recognize(netns, packet, message, at, elsewhere)) return;
		if (message.isAnswer) this.#takeUnasked(netns, packet, message, at);
		else this.ask(netns, packet, message, at);
	}

	/**
	 * The same of what belongs to a question that is known, or has been.
	 *
	 * @param elsewhere the question of an answer where it is none with the same ends
	 * @returns whether it does; or nobody wants it
	 */
	recognize(
		netns: number,
		packet: SeenPacket,
		message: DnsMessage,
		at: Instant,
		elsewhere?: DnsTransaction,
	): boolean {
		if (message.opcode !== QUERY || packet.isMulticast) return true;
		const key = keyOf(netns, packet, message);
		const known = this.#waiting.find(key, ({ asked }) => isOfQuestion(asked, message));
		if (!message.isAnswer) {
			if (known === undefined) return this.#isForwarded(key, netns, packet, message, at);
			// Sent again, or met on the next interface.
			const place = this.#byAge.get(known);
			if (place !== undefined && hasLeft(packet, place)) place.isForwarded = true;
			return true;
		}
		const found = known ?? elsewhere;
		if (found !== undefined && known === undefined) moveTo(found, askedOf(netns, packet, message));
		// The second answer, or the same one on another interface, or one that is too late.
		if (found === undefined) return this.#ended.has(key);
		this.#answer(found, message, at);
		this.#remember([key]);
		return true;
	}

	/** A question that nobody has seen before. `packet` is as it was sent, `wire` as it is translated. */
	ask(netns: number, packet: SeenPacket, head: DnsHead, at: Instant, wire = packet): void {
		const key = keyOf(netns, packet, head);
		const asked = askedOf(netns, packet, head);
		const transaction: DnsTransaction = { asked, at, endedAt: null, outcome: null, owner: null };
		const keys = [key];
		const loose = looseKeyOf(netns, packet, head);
		const { hopLimit } = packet;
		this.#byAge.set(transaction, {
			keys,
			loose,
			hopLimit,
			setNs: this.#setNsAt(at),
			isForwarded: false,
		});
		const tooMany = this.#waiting.add(key, transaction);
		if (tooMany !== undefined) this.#drop(tooMany);
		if (wire !== packet) this.#addKey(transaction, keyOf(netns, wire, head));
		// The oldest of those that look alike is not found by this any more, but by its own ends.
		if (loose !== null) this.#loose.add(loose, transaction);
		this.#begun.push(transaction);
		if (this.#byAge.size <= this.#options.most) return;
		for (const oldest of this.#byAge.keys()) {
			this.#drop(oldest);
			return;
		}
	}

	/** Gives up what has waited for too long by `now`. */
	expire(now: Instant): void {
		const { timeoutMs } = this.#options;
		const setNsNow = this.#setNsAt(now);
		for (const [transaction, { setNs }] of this.#byAge) {
			const at = transaction.at ?? now;
			const waited = (nanosecondsBetween(at, now) - (setNsNow - setNs)) / NS_PER_MS;
			// Less than nothing: it was met after `now`; or, by far, the clock was set back.
			if (Math.abs(waited) < timeoutMs) return;
			giveUp(transaction, at, timeoutMs, setNsNow - setNs);
			this.#end(transaction);
		}
	}

	/** Questions that were seen since the last call; some may have their answers. */
	takeBegun(): DnsTransaction[] {
		const begun = this.#begun;
		this.#begun = [];
		return begun;
	}

	/** Those that have come to their end since the last call. */
	takeDone(): DnsTransaction[] {
		const done = this.#done;
		this.#done = [];
		return done;
	}

	/** Questions that had to make room for others, since the last call. */
	takeDropped(): number {
		const dropped = this.#dropped;
		this.#dropped = 0;
		return dropped;
	}

	/** Answers that could not be read behind their questions, since the last call. */
	takeBroken(): number {
		const broken = this.#broken;
		this.#broken = 0;
		return broken;
	}

	/** Answers whose questions were not seen, and that were not read, since the last call. */
	takeUnread(): number {
		const { unread } = this.#unasked;
		this.#unasked.unread = 0;
		return unread;
	}

	/** One that has come in at another interface, and leaves with other ends: whoever forwards it takes one off its hop limit. */
	#isForwarded(
		key: string,
		netns: number,
		packet: SeenPacket,
		head: DnsHead,
		at: Instant,
	): boolean {
		if (!packet.isOutgoing) return false;
		const found = this.#loose.find(idKeyOf(netns, packet, head), (one) => {
			const place = this.#byAge.get(one);
			if (place === undefined || place.isForwarded || !hasLeft(packet, place)) return false;
			const isSoon = one.at !== null && Math.abs(nanosecondsBetween(one.at, at)) < FORWARDED_NS;
			return isSoon && isOfQuestion(one.asked, head);
		});
		const place = found === undefined ? undefined : this.#byAge.get(found);
		if (found === undefined || place === undefined) return false;
		place.isForwarded = true;
		this.#addKey(found, key);
		return true;
	}

	/** On loopback an answer is seen as its program gets it, and a question as a rule has translated it. */
	#askedElsewhere(
		netns: number,
		packet: SeenPacket,
		message: DnsMessage,
	): DnsTransaction | undefined {
		if (!packet.isLoopback) return undefined;
		const key = clientKeyOf(netns, packet, message);
		return this.#loose.find(key, ({ asked }) => isOfQuestion(asked, message));
	}

	#takeUnasked(netns: number, packet: SeenPacket, message: DnsMessage, at: Instant): void {
		const unasked = this.#unasked;
		if (unasked.second !== at.seconds) Object.assign(unasked, { second: at.seconds, read: 0 });
		if (unasked.read >= this.#options.mostUnasked) {
			unasked.unread++;
			return;
		}
		unasked.read++;
		const asked = askedOf(netns, packet, message);
		const transaction = { asked, at: null, endedAt: null, outcome: null, owner: null };
		this.#remember([keyOf(netns, packet, message)]);
		this.#begun.push(transaction);
		this.#answer(transaction, message, at);
	}

	#answer(transaction: DnsTransaction, message: DnsMessage, at: Instant): void {
		const body = message.body();
		if (body.isBroken) this.#broken++;
		const setNs = this.#setNsAt(at) - (this.#byAge.get(transaction)?.setNs ?? 0);
		endWith(transaction, message, body, at, setNs);
		this.#end(transaction);
	}

	#setNsAt(time: Instant): number {
		return this.#options.setNsAt?.(time) ?? 0;
	}

	#end(transaction: DnsTransaction): void {
		this.#forget(transaction);
		this.#done.push(transaction);
	}

	#drop(transaction: DnsTransaction): void {
		this.#forget(transaction);
		this.#dropped++;
	}

	#addKey(transaction: DnsTransaction, key: string): void {
		this.#byAge.get(transaction)?.keys.push(key);
		const tooMany = this.#waiting.add(key, transaction);
		if (tooMany !== undefined) this.#drop(tooMany);
	}

	#forget(transaction: DnsTransaction): void {
		const place = this.#byAge.get(transaction);
		if (place === undefined) return;
		this.#byAge.delete(transaction);
		for (const key of place.keys) this.#waiting.remove(key, transaction);
		if (place.loose !== null) this.#loose.remove(place.loose, transaction);
		this.#remember(place.keys);
	}

	#remember(keys: readonly string[]): void {
		for (const key of keys) {
			this.#ended.delete(key);
			this.#ended.add(key);
		}
		for (const oldest of this.#ended) {
			if (this.#ended.size <= this.#options.most) return;
			this.#ended.delete(oldest);
		}
	}
}

/** The server that the program has asked. */
function moveTo(transaction: DnsTransaction, { server_address, server_port }: Asked): void {
	transaction.asked = { ...transaction.asked, server_address, server_port };
}

const hasLeft = (packet: SeenPacket, { hopLimit }: Place): boolean =>
	packet.isOutgoing && packet.hopLimit === hopLimit - 1;

function looseKeyOf(netns: number, packet: SeenPacket, head: DnsHead): string | null {
	if (packet.isLoopback) return clientKeyOf(netns, packet, head);
	return packet.isOutgoing ? null : idKeyOf(netns, packet, head);
}
