/** Questions at ports that are not those of DNS: a rule (DNAT, REDIRECT) may have sent them there, or they are another service's. */

import type { DnsHead, DnsMessage } from "./dns-message.ts";
import { clientKeyOf, isOfQuestion, keyOf, type SeenPacket } from "./dns-packet-keys.ts";
import type { Instant } from "./dns-transaction.ts";

/** That wait at one time: mostly for the next look. */
const MOST = 1024;
/** Servers that were found to be asked as they are. */
const MOST_DIRECT = 1024;
/** So long it is taken to be so: a rule can be added. */
const DIRECT_MS = 1000;

export interface DnsGuess {
	readonly netns: number;
	/** As it is on the wire. */
	readonly packet: SeenPacket;
	readonly head: DnsHead;
	readonly at: Instant;
	/** Of performance.now(). */
	readonly sinceMs: number;
	/** As it is on the wire, where it was seen. */
	answer: {
		readonly packet: SeenPacket;
		readonly message: DnsMessage;
		readonly at: Instant;
	} | null;
	/** It was there at the last look already. */
	isOld: boolean;
}

export class DnsGuesses {
	/** By their clients, which no rule that sends them elsewhere changes. The oldest comes first. */
	readonly #guesses = new Map<string, DnsGuess>();
	readonly #direct = new Map<string, number>();
	#dropped = 0;

	get size(): number {
		return this.#guesses.size;
	}

	/** What looks like a question, or an answer, at other ports; an answer only where its question was seen. */
	take(netns: number, packet: SeenPacket, message: DnsMessage, at: Instant): void {
		const key = clientKeyOf(netns, packet, message);
		const known = this.#guesses.get(key);
		if (message.isAnswer) {
			if (known === undefined || known.answer !== null) return;
			const isIts = keyOf(netns, packet, message) === keyOf(netns, known.packet, known.head);
			if (isIts && isOf(known, message))
				known.answer = { packet: kept(packet), message: read(message), at };
			return;
		}
		const sinceMs = performance.now();
		if (known !== undefined || message.questionName === null) return;
		if ((this.#direct.get(serverKeyOf(netns, packet)) ?? 0) > sinceMs) return;
		const own = { netns, packet: kept(packet), head: headOf(message), at, sinceMs };
		this.#guesses.set(key, { ...own, answer: null, isOld: false });
		if (this.#guesses.size <= MOST) return;
		for (const oldest of this.#guesses.keys()) {
			this.#guesses.delete(oldest);
			this.#dropped++;
			return;
		}
	}

	/** The question of an answer that its client gets from one of the ports of DNS. */
	claim(netns: number, packet: SeenPacket, message: DnsMessage): DnsGuess | null {
		if (this.#guesses.size === 0) return null;
		const key = clientKeyOf(netns, packet, message);
		const guess = this.#guesses.get(key);
		if (guess === undefined || !isOf(guess, message)) return null;
		this.#guesses.delete(key);
		return guess;
	}

	/** Those that were not claimed until the second look, or were answered as they are on the wire. They are forgotten, but for `most`. */
	takeDue(most: number): DnsGuess[] {
		const due: DnsGuess[] = [];
		for (const [key, guess] of this.#guesses) {
			const isDue = guess.isOld || guess.answer !== null;
			guess.isOld = true;
			if (!isDue || due.length === most) continue;
			due.push(guess);
			this.#guesses.delete(key);
		}
		return due;
	}

	/** Forgets what has waited for so long: where there is nobody to ask. */
	expire(timeoutMs: number): void {
		const now = performance.now();
		for (const [key, { sinceMs, answer }] of this.#guesses)
			if (answer !== null || now - sinceMs >= timeoutMs) this.#guesses.delete(key);
	}

	/** Nothing translates what is sent to this server: no more questions to it for a while. */
	isDirect({ netns, packet }: DnsGuess): void {
		if (this.#direct.size >= MOST_DIRECT) this.#direct.clear();
		this.#direct.set(serverKeyOf(netns, packet), performance.now() + DIRECT_MS);
	}

	/** Since the last call: of those that had to make room it is not known what they were. */
	takeDropped(): number {
		const dropped = this.#dropped;
		this.#dropped = 0;
		return dropped;
	}
}

const isOf = ({ head }: DnsGuess, message: DnsMessage): boolean =>
	isOfQuestion({ question_name: head.questionName, question_type: head.questionType }, message);

/** The bytes are another packet's soon. */
function kept(packet: SeenPacket): SeenPacket {
	const { isTcp, isMulticast, sourcePort, destinationPort, hopLimit } = packet;
	const { isOutgoing, isLoopback } = packet;
	return {
		...{ addresses: packet.addresses.slice(), isTcp, isMulticast, sourcePort, destinationPort },
		...{ hopLimit, isOutgoing, isLoopback },
	};
}

function headOf(message: DnsHead): DnsHead {
	const { id, isAnswer, opcode, isTruncated, questionName, questionType } = message;
	return { id, isAnswer, opcode, isTruncated, questionName, questionType };
}

function read(message: DnsMessage): DnsMessage {
	const body = message.body();
	return { ...headOf(message), body: () => body };
}

const serverKeyOf = (netns: number, { addresses, destinationPort }: SeenPacket): string =>
	`${Buffer.from(addresses.subarray(16)).toString("latin1")} ${netns} ${destinationPort}`;
