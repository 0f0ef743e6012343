/** Packets of DNS as they are told apart: by their ends, which way they go, and the id of the message. */

import { ADDRESS_BYTES, type IpPacket } from "../maps/ip-packet.ts";
import { addressText } from "./address.ts";
import type { DnsHead } from "./dns-message.ts";
import type { Asked } from "./dns-transaction.ts";

/** A packet of a message, and the interface at which it was seen. */
export interface SeenPacket
	extends Pick<
		IpPacket,
		"addresses" | "isTcp" | "isMulticast" | "sourcePort" | "destinationPort" | "hopLimit"
	> {
	/** It leaves by the interface; else it comes in. */
	readonly isOutgoing: boolean;
	readonly isLoopback: boolean;
}

const ends = Buffer.alloc(2 * ADDRESS_BYTES);

/** The same of a question and of its answer, which goes the other way. */
export function keyOf(netns: number, packet: SeenPacket, { isAnswer, id }: DnsHead): string {
	const { addresses, isTcp } = packet;
	ends.set(addresses.subarray(0, ADDRESS_BYTES), isAnswer ? ADDRESS_BYTES : 0);
	ends.set(addresses.subarray(ADDRESS_BYTES), isAnswer ? 0 : ADDRESS_BYTES);
	const [client, server] = portsOf(packet, isAnswer);
	return `${ends.toString("latin1")} ${netns} ${isTcp ? "t" : "u"} ${client} ${server} ${id}`;
}

/** The same of a question and of its answer, from whatever address and port that comes. */
export function clientKeyOf(netns: number, packet: SeenPacket, { isAnswer, id }: DnsHead): string {
	const { addresses, isTcp } = packet;
	ends.set(addresses);
	const at = isAnswer ? ADDRESS_BYTES : 0;
	const client = ends.toString("latin1", at, at + ADDRESS_BYTES);
	const [port] = portsOf(packet, isAnswer);
	return `${client} ${netns} ${isTcp ? "t" : "u"} ${port} ${id}`;
}

/** The same of a question and of itself, forwarded with other ends. */
export const idKeyOf = (netns: number, { isTcp }: SeenPacket, { id }: DnsHead): string =>
	`${netns} ${isTcp ? "t" : "u"} ${id}`;

/** What a packet says of who asks whom. */
export function askedOf(netns: number, packet: SeenPacket, head: DnsHead): Asked {
	const { addresses, isTcp } = packet;
	const first = addressText(addresses.subarray(0, ADDRESS_BYTES));
	const second = addressText(addresses.subarray(ADDRESS_BYTES));
	const [client_address, server_address] = head.isAnswer ? [second, first] : [first, second];
	const [client_port, server_port] = portsOf(packet, head.isAnswer);
	const { id, questionName: question_name, questionType: question_type } = head;
	return {
		...{ netns, transport: isTcp ? "tcp" : "udp", client_address, client_port },
		...{ server_address, server_port, id, question_name, question_type },
	};
}

const portsOf = (
	{ sourcePort, destinationPort }: SeenPacket,
	isAnswer: boolean,
): readonly [client: number, server: number] =>
	isAnswer ? [destinationPort, sourcePort] : [sourcePort, destinationPort];

/** Whether an answer is to this question, as far as it says; a server that cannot read a question may leave it out. */
export const isOfQuestion = (
	{ question_name, question_type }: Pick<Asked, "question_name" | "question_type">,
	{ isAnswer, questionName, questionType }: DnsHead,
): boolean =>
	(isAnswer && questionName === null) ||
	(question_name === questionName && question_type === questionType);
