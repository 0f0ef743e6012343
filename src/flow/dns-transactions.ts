/** Questions of DNS that wait for their answers: what is seen on the wire becomes one record for each. */

import { ADDRESS_BYTES, type IpPacket } from "../maps/ip-packet.ts";
import { addressText } from "./address.ts";
import { instantText } from "./clock.ts";
import type { DnsMessage } from "./dns-message.ts";
import type { DnsRecord } from "./dns-records.ts";
import type { Owner } from "./flow-owners.ts";

const QUERY = 0;
/** Questions of one client to one server with one id, at one time. */
const MOST_ALIKE = 16;
const BILLION = 1_000_000_000;
const NS_PER_MS = 1_000_000;

/** When the kernel met a packet, since 1970. */
export interface Instant {
	readonly seconds: number;
	readonly ns: number;
}

export type SeenPacket = Pick<
	IpPacket,
	"addresses" | "isTcp" | "isMulticast" | "sourcePort" | "destinationPort"
>;

type Asked = Omit<DnsRecord, keyof Outcome | "type" | "pid" | "process">;
type Outcome = Pick<
	DnsRecord,
	("time" | "response_code" | "error" | "latency_us") | ("truncated" | "answer_count" | "answers")
>;

/** A question, and what has become of it. */
export interface DnsTransaction {
	readonly asked: Asked;
	readonly at: Instant;
	/** When the answer came, or the time for it was over; null as long as it waits. */
	endedAt: Instant | null;
	/** Null as long as it waits. */
	outcome: Outcome | null;
	/** Null as long as it is not known. */
	owner: Owner | null;
}

/** @param owner whose question it was */
export function dnsRecord({ asked, owner }: DnsTransaction, outcome: Outcome): DnsRecord {
	const { netns, transport, client_address, client_port, server_address, server_port } = asked;
	const { id, question_name, question_type } = asked;
	const { time, response_code, error, latency_us, truncated, answer_count, answers } = outcome;
	return {
		...{ type: "dns", time, netns, transport },
		...{ client_address, client_port, server_address, server_port },
		...{ id, question_name, question_type, response_code, error, latency_us },
		...{ truncated, answer_count, answers },
		...{ pid: owner?.pid ?? null, process: owner?.process ?? null },
	};
}

interface Options {
	/** Questions that wait at one time. */
	readonly most: number;
	/** Until a question is given up. */
	readonly timeoutMs: number;
	/** By how much the clock had been set when it showed this: what passed since has no part in it. Default: not at all. */
	readonly setNsAt?: (time: Instant) => number;
}

interface Waiting {
	readonly key: string;
	/** By how much the clock had been set. */
	readonly setNs: number;
}

export class DnsTransactions {
	readonly #options: Options;
	/** By the ends and the id. */
	readonly #waiting = new Map<string, DnsTransaction[]>();
	/** The oldest comes first. */
	readonly #byAge = new Map<DnsTransaction, Waiting>();
	#begun: DnsTransaction[] = [];
	#done: DnsTransaction[] = [];
	#dropped = 0;

	constructor(options: Options) {
		this.#options = options;
	}

	/** Questions that wait now. */
	get size(): number {
		return this.#byAge.size;
	}

	/** What was seen of in `netns`. What is no query, or goes to many, is passed over. */
	take(netns: number, packet: SeenPacket, message: DnsMessage, at: Instant): void {
		if (message.opcode !== QUERY || packet.isMulticast) return;
		const key = keyOf(netns, packet, message);
		if (message.isAnswer) this.#answer(key, message, at);
		else this.#ask(key, netns, packet, message, at);
	}

	/** Gives up what has waited for too long by `now`. */
	expire(now: Instant): void {
		const { timeoutMs } = this.#options;
		const setNsNow = this.#setNsAt(now);
		for (const [transaction, { setNs }] of this.#byAge) {
			const { at } = transaction;
			const setSinceNs = setNsNow - setNs;
			const waited = (nanosecondsBetween(at, now) - setSinceNs) / NS_PER_MS;
			// Less than nothing: it was met after `now`; or, by far, the clock was set back.
			if (Math.abs(waited) < timeoutMs) return;
			transaction.endedAt = later(at, timeoutMs * NS_PER_MS + setSinceNs);
			transaction.outcome = {
				...{ time: instantText(transaction.endedAt), response_code: null, error: "timeout" },
				...{ latency_us: null, truncated: null, answer_count: null, answers: [] },
			};
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

	#ask(key: string, netns: number, packet: SeenPacket, message: DnsMessage, at: Instant): void {
		const alike = this.#waiting.get(key) ?? [];
		const { id, questionName: question_name, questionType: question_type } = message;
		const isAgain = alike.some(
			({ asked }) => asked.question_name === question_name && asked.question_type === question_type,
		);
		// Sent again, or met on the next interface.
		if (isAgain) return;
		const { addresses, isTcp, sourcePort, destinationPort } = packet;
		const transport = isTcp ? "tcp" : "udp";
		const client_address = addressText(addresses.subarray(0, ADDRESS_BYTES));
		const server_address = addressText(addresses.subarray(ADDRESS_BYTES));
		const asked: Asked = {
			...{ netns, transport, client_address, client_port: sourcePort },
			...{ server_address, server_port: destinationPort, id, question_name, question_type },
		};
		const transaction: DnsTransaction = { asked, at, endedAt: null, outcome: null, owner: null };
		const [oldestAlike] = alike;
		if (oldestAlike !== undefined && alike.length >= MOST_ALIKE) this.#drop(oldestAlike);
		this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), transaction]);
		this.#byAge.set(transaction, { key, setNs: this.#setNsAt(at) });
		this.#begun.push(transaction);
		if (this.#byAge.size <= this.#options.most) return;
		for (const oldest of this.#byAge.keys()) {
			this.#drop(oldest);
			return;
		}
	}

	#answer(key: string, message: DnsMessage, at: Instant): void {
		const transaction = this.#waiting.get(key)?.find(({ asked }) => {
			const { questionName, questionType } = message;
			// A server that cannot read a question may leave it out.
			if (questionName === null) return true;
			return asked.question_name === questionName && asked.question_type === questionType;
		});
		// The second answer, or one to a question from before the start, or one that is too late.
		if (transaction === undefined) return;
		const setNs = this.#byAge.get(transaction)?.setNs ?? 0;
		const passedNs = nanosecondsBetween(transaction.at, at) - (this.#setNsAt(at) - setNs);
		const microseconds = Math.floor(passedNs / 1000);
		transaction.endedAt = at;
		transaction.outcome = {
			...{ time: instantText(at), response_code: message.responseCode, error: null },
			// A clock that was set back.
			latency_us: microseconds >= 0 ? microseconds : null,
			...{ truncated: message.isTruncated, answer_count: message.answerCount },
			answers: message.answers,
		};
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

	#forget(transaction: DnsTransaction): void {
		const key = this.#byAge.get(transaction)?.key ?? "";
		this.#byAge.delete(transaction);
		const left = this.#waiting.get(key)?.filter((one) => one !== transaction) ?? [];
		if (left.length === 0) this.#waiting.delete(key);
		else this.#waiting.set(key, left);
	}
}

const ends = Buffer.alloc(2 * ADDRESS_BYTES);

/** The same of a question and of its answer, which goes the other way. */
function keyOf(netns: number, packet: SeenPacket, { isAnswer, id }: DnsMessage): string {
	const { addresses, isTcp, sourcePort, destinationPort } = packet;
	ends.set(addresses.subarray(0, ADDRESS_BYTES), isAnswer ? ADDRESS_BYTES : 0);
	ends.set(addresses.subarray(ADDRESS_BYTES), isAnswer ? 0 : ADDRESS_BYTES);
	const [client, server] = isAnswer ? [destinationPort, sourcePort] : [sourcePort, destinationPort];
	return `${ends.toString("latin1")} ${netns} ${isTcp ? "t" : "u"} ${client} ${server} ${id}`;
}

const nanosecondsBetween = (from: Instant, to: Instant): number =>
	(to.seconds - from.seconds) * BILLION + (to.ns - from.ns);

function later({ seconds, ns }: Instant, byNs: number): Instant {
	const sum = ns + byNs;
	const carry = Math.floor(sum / BILLION);
	return { seconds: seconds + carry, ns: sum - carry * BILLION };
}
