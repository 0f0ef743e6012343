/** Questions and answers of DNS, as they are seen on the wire. */

import type { DnsBody, DnsHead, DnsMessage } from "../../src/flow/dns-message.ts";
import type { SeenPacket } from "../../src/flow/dns-packet-keys.ts";
import type { DnsRecord } from "../../src/flow/dns-records.ts";
import { dnsRecord, type Instant } from "../../src/flow/dns-transaction.ts";
import { DnsTransactions } from "../../src/flow/dns-transactions.ts";

export const NETNS = 4026531840;
export const MAPPED = [...Array(10).fill(0), 0xff, 0xff];
export const CLIENT = [...MAPPED, 10, 0, 0, 1];
export const SERVER = [...MAPPED, 10, 0, 0, 2];

export const there: SeenPacket = {
	...{ addresses: Uint8Array.of(...CLIENT, ...SERVER), isTcp: false, isMulticast: false },
	...{ sourcePort: 40_000, destinationPort: 53, hopLimit: 64 },
	...{ isOutgoing: false, isLoopback: false },
};
export const back: SeenPacket = {
	...{ addresses: Uint8Array.of(...SERVER, ...CLIENT), isTcp: false, isMulticast: false },
	...{ sourcePort: 53, destinationPort: 40_000, hopLimit: 64 },
	...{ isOutgoing: true, isLoopback: false },
};

export function message(changes: Partial<DnsHead & DnsBody> = {}): DnsMessage {
	const { responseCode = "NOERROR", answers = [], answerCount = 0, isBroken = false } = changes;
	const head = { id: 7, isAnswer: false, opcode: 0, isTruncated: false };
	const question = { questionName: "a.example", questionType: "A" };
	const body = { responseCode, answers, answerCount, isBroken };
	return { ...head, ...question, ...changes, body: () => body };
}

export const answered = (changes: Partial<DnsHead & DnsBody> = {}): DnsMessage =>
	message({ isAnswer: true, ...changes });
export const at = (seconds: number, ns = 0): Instant => ({ seconds, ns });

export const open = (most = 100, mostUnasked = 0) =>
	new DnsTransactions({ most, timeoutMs: 5000, mostUnasked });

export function recordsOf(transactions: DnsTransactions): DnsRecord[] {
	return transactions.takeDone().map((one) => {
		if (one.outcome === null) throw new Error("it is done without an outcome");
		return dnsRecord(one, one.outcome);
	});
}
