/** From packets to questions and answers of DNS, in all network namespaces. */

import type { CapturedPacket } from "../ffi/packet-socket.ts";
import { DnsGuesses } from "../flow/dns-guesses.ts";
import { type DnsMessage, readDnsMessage } from "../flow/dns-message.ts";
import type { DnsTransactions } from "../flow/dns-transactions.ts";
import { isInSpans, type PortSpan } from "../flow/port-spans.ts";
import { TcpMessages } from "../flow/tcp-messages.ts";
import { ADDRESS_BYTES, IpPacket } from "../maps/ip-packet.ts";
import { type OriginalEnds, originalsOf } from "./dns-originals.ts";

/** Of one look: each is a message to the kernel. */
const MOST_ASKED = 256;
const LENGTH_BYTES = 2;

class WirePacket extends IpPacket {
	isOutgoing = false;
	isLoopback = false;
}

export class DnsWire {
	readonly #transactions: DnsTransactions;
	readonly #ports: readonly PortSpan[];
	readonly #guesses = new DnsGuesses();
	readonly #packet = new WirePacket();
	readonly #streams = new TcpMessages((message) => this.#message(message, false));
	/** Of the packet that is being read. */
	#netns = 0;
	readonly #at = { seconds: 0, ns: 0 };
	#unread = 0;

	/** @param ports of DNS; what is at others is it only where a rule has sent it there */
	constructor(transactions: DnsTransactions, ports: readonly PortSpan[]) {
		this.#transactions = transactions;
		this.#ports = ports;
	}

	take(netns: number, captured: CapturedPacket): void {
		const packet = this.#packet;
		packet.isOutgoing = captured.isOutgoing;
		packet.isLoopback = captured.isLoopback;
		this.#netns = netns;
		this.#at.seconds = captured.seconds;
		this.#at.ns = captured.nanoseconds;
		if (!packet.read(captured.bytes)) this.#unread++;
		else if (!this.#isAtPorts()) this.#takeElsewhere();
		else if (packet.isTcp) this.#streams.add(streamKey(netns, packet), packet);
		else this.#message(packet.payload, packet.isCut);
	}

	/**
	 * Finds out what questions at other ports are that were not answered at once.
	 *
	 * @param ends null where conntrack cannot be asked
	 */
	settle(ends: OriginalEnds | null, timeoutMs: number): void {
		if (this.#guesses.size === 0) return;
		if (ends === null) {
			this.#guesses.expire(timeoutMs);
			return;
		}
		for (const [guess, original] of originalsOf(this.#guesses.takeDue(MOST_ASKED), ends)) {
			const { netns, packet, head, at, answer } = guess;
			if (original === null || !isInSpans(this.#ports, original.destinationPort)) {
				this.#guesses.isDirect(guess);
				continue;
			}
			this.#transactions.ask(netns, original, head, at, packet);
			if (answer !== null)
				this.#transactions.recognize(netns, answer.packet, answer.message, answer.at);
		}
	}

	/** Messages that could not be read, in whole or in part, since the last call. */
	takeUnread(): number {
		const unread = this.#unread + this.#streams.takeLost() + this.#transactions.takeBroken();
		this.#unread = 0;
		return unread;
	}

	/** Messages of which the beginning had to make room, and questions that did, since the last call. */
	takeDropped(): number {
		return this.#streams.takeDropped() + this.#guesses.takeDropped();
	}

	#message(bytes: Uint8Array, isCut: boolean): void {
		const [netns, packet, at] = [this.#netns, this.#packet, { ...this.#at }];
		const message = readDnsMessage(bytes, isCut);
		if (message === null) {
			this.#unread++;
			return;
		}
		if (message.isAnswer && packet.isLoopback) this.#claim(message);
		this.#transactions.take(netns, packet, message, at);
	}

	/** Its program has it from where it had asked. */
	#claim(message: DnsMessage): void {
		const [netns, packet] = [this.#netns, this.#packet];
		const guess = this.#guesses.claim(netns, packet, message);
		if (guess === null) return;
		const addresses = guess.packet.addresses.slice();
		addresses.set(packet.addresses.subarray(0, ADDRESS_BYTES), ADDRESS_BYTES);
		const asked = { ...guess.packet, addresses, destinationPort: packet.sourcePort };
		this.#transactions.ask(netns, asked, guess.head, guess.at, guess.packet);
	}

	/** What looks like a message, at other ports. What is none is nobody's loss. */
	#takeElsewhere(): void {
		const [netns, packet, at] = [this.#netns, this.#packet, { ...this.#at }];
		const { payload, isTcp } = packet;
		if (isTcp && !isOneMessage(payload)) return;
		const message = readDnsMessage(isTcp ? payload.subarray(LENGTH_BYTES) : payload, packet.isCut);
		if (message === null || this.#transactions.recognize(netns, packet, message, at)) return;
		this.#guesses.take(netns, packet, message, at);
	}

	#isAtPorts(): boolean {
		const { sourcePort, destinationPort } = this.#packet;
		return isInSpans(this.#ports, sourcePort) || isInSpans(this.#ports, destinationPort);
	}
}

/** A segment that is a message, with its length in front. */
const isOneMessage = (payload: Uint8Array): boolean =>
	payload.length === LENGTH_BYTES + (((payload[0] ?? 0) << 8) | (payload[1] ?? 0));

const ends = Buffer.alloc(2 * ADDRESS_BYTES);

function streamKey(netns: number, { addresses, sourcePort, destinationPort }: IpPacket): string {
	ends.set(addresses);
	return `${ends.toString("latin1")} ${netns} ${sourcePort} ${destinationPort}`;
}
