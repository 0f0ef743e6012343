/** One question of DNS, and what has become of it. */

import { instantText } from "./clock.ts";
import type { DnsBody, DnsMessage } from "./dns-message.ts";
import type { DnsRecord } from "./dns-records.ts";
import type { Owner } from "./flow-owners.ts";

const BILLION = 1_000_000_000;
const NS_PER_MS = 1_000_000;

/** When the kernel met a packet, since 1970. */
export interface Instant {
	readonly seconds: number;
	readonly ns: number;
}

export type Asked = Omit<DnsRecord, keyof Outcome | "type" | "pid" | "process">;
type Outcome = Pick<
	DnsRecord,
	("time" | "response_code" | "error" | "latency_us") | ("truncated" | "answer_count" | "answers")
>;

export interface DnsTransaction {
	/** Its server may turn out to be another one: what a rule has translated is seen with the answer. */
	asked: Asked;
	/** Of the question; null where it was not seen. */
	readonly at: Instant | null;
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

/**
 * It is answered.
 *
 * @param setNs by how much the clock was set meanwhile
 */
export function endWith(
	transaction: DnsTransaction,
	{ isTruncated }: Pick<DnsMessage, "isTruncated">,
	{ responseCode, answerCount, answers }: DnsBody,
	at: Instant,
	setNs: number,
): void {
	const asked = transaction.at;
	const passedNs = asked === null ? -1 : nanosecondsBetween(asked, at) - setNs;
	const microseconds = Math.floor(passedNs / 1000);
	transaction.endedAt = at;
	transaction.outcome = {
		...{ time: instantText(at), response_code: responseCode, error: null },
		// Less than nothing: a clock that was set back.
		latency_us: microseconds >= 0 ? microseconds : null,
		...{ truncated: isTruncated, answer_count: answerCount, answers },
	};
}

/**
 * Nobody has answered it in time.
 *
 * @param setNs by how much the clock was set meanwhile
 */
export function giveUp(
	transaction: DnsTransaction,
	at: Instant,
	timeoutMs: number,
	setNs: number,
): void {
	transaction.endedAt = later(at, timeoutMs * NS_PER_MS + setNs);
	transaction.outcome = {
		...{ time: instantText(transaction.endedAt), response_code: null, error: "timeout" },
		...{ latency_us: null, truncated: null, answer_count: null, answers: [] },
	};
}

export const nanosecondsBetween = (from: Instant, to: Instant): number =>
	(to.seconds - from.seconds) * BILLION + (to.ns - from.ns);

function later({ seconds, ns }: Instant, byNs: number): Instant {
	const sum = ns + byNs;
	const carry = Math.floor(sum / BILLION);
	return { seconds: seconds + carry, ns: sum - carry * BILLION };
}
