/** From packets to questions and answers of DNS, in all network namespaces. */

import { readDnsMessage } from "../flow/dns-message.ts";
import type { DnsTransactions } from "../flow/dns-transactions.ts";
import { TcpMessages } from "../flow/tcp-messages.ts";
import { ADDRESS_BYTES, IpPacket } from "../maps/ip-packet.ts";

export class DnsWire {
	readonly #transactions: DnsTransactions;
	readonly #packet = new IpPacket();
	readonly #streams = new TcpMessages((message) => this.#message(message, false));
	/** Of the packet that is being read. */
	#netns = 0;
	readonly #at = { seconds: 0, ns: 0 };
	#unread = 0;

	constructor(transactions: DnsTransactions) {
		this.#transactions = transactions;
	}

	/** @param seconds since 1970 */
	take(netns: number, bytes: Uint8Array, seconds: number, ns: number): void {
		const packet = this.#packet;
		if (!packet.read(bytes)) {
			this.#unread++;
			return;
		}
		this.#netns = netns;
		this.#at.seconds = seconds;
		this.#at.ns = ns;
		if (packet.isTcp) this.#streams.add(streamKey(netns, packet), packet);
		else this.#message(packet.payload, packet.isCut);
	}

	/** Messages that could not be read, in whole or in part, since the last call. */
	takeUnread(): number {
		const unread = this.#unread + this.#streams.takeLost();
		this.#unread = 0;
		return unread;
	}

	/** Messages of which the beginning had to make room, since the last call. */
	takeDropped(): number {
		return this.#streams.takeDropped();
	}

	#message(bytes: Uint8Array, isCut: boolean): void {
		const message = readDnsMessage(bytes, isCut);
		if (message === null || message.isBroken) this.#unread++;
		if (message === null) return;
		this.#transactions.take(this.#netns, this.#packet, message, { ...this.#at });
	}
}

const ends = Buffer.alloc(2 * ADDRESS_BYTES);

function streamKey(netns: number, { addresses, sourcePort, destinationPort }: IpPacket): string {
	ends.set(addresses);
	return `${ends.toString("latin1")} ${netns} ${sourcePort} ${destinationPort}`;
}
