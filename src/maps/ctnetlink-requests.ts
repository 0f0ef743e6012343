/** What conntrack is asked over ctnetlink: for its whole table, or for single connections. */

import type { Tuple } from "./ct-flow.ts";
import { ATTRIBUTE_HEADER, CT_GET, CT_STATS, FAMILY_HEADER, HEADER } from "./ctnetlink.ts";
import {
	CTA_IP_V4_DST,
	CTA_IP_V4_SRC,
	CTA_IP_V6_DST,
	CTA_IP_V6_SRC,
	CTA_PROTO_DST_PORT,
	CTA_PROTO_NUM,
	CTA_PROTO_SRC_PORT,
	CTA_STATUS,
	CTA_TUPLE_IP,
	CTA_TUPLE_ORIG,
	CTA_TUPLE_PROTO,
	CTA_ZONE,
} from "./ctnetlink-attributes.ts";

const NLM_F_REQUEST = 0x1;
const NLM_F_DUMP = 0x300;
const NLA_F_NESTED = 0x8000;
const AF_INET = 2;
const AF_INET6 = 10;
/** Where the four bytes of an IPv4 address are in an IPv4-mapped one. */
const IPV4 = 12;
/** More than a request for one connection takes. */
const REQUEST_BYTES = 128;

/**
 * A request for the table of the network namespace: DONE comes behind the last message.
 *
 * @param status bits of enum ip_conntrack_status that all of them have. Kernels before 5.15 pass over it
 */
export function dumpRequest(sequence: number, status = 0): Uint8Array {
	const writer = new RequestWriter(1);
	writer.begin(NLM_F_REQUEST | NLM_F_DUMP, sequence, 0);
	if (status !== 0) writer.u32(CTA_STATUS, status);
	writer.end();
	return writer.bytes();
}

/** A request for what conntrack counts of itself on each CPU: DONE comes behind the last message. */
export function statisticsRequest(sequence: number): Uint8Array {
	const writer = new RequestWriter(1);
	writer.begin(NLM_F_REQUEST | NLM_F_DUMP, sequence, 0, CT_STATS);
	writer.end();
	return writer.bytes();
}

/** Requests for connections, in one buffer: each is answered by one message, in their order. */
export class RequestWriter {
	readonly #bytes: Uint8Array;
	readonly #view: DataView;
	#start = 0;
	#at = 0;

	/** @param most requests */
	constructor(most: number) {
		this.#bytes = new Uint8Array(most * REQUEST_BYTES);
		this.#view = new DataView(this.#bytes.buffer);
	}

	/** For the connection with this tuple, in either direction; a zone is a part of the table. */
	get(
		sequence: number,
		{ source, destination, sourcePort, destinationPort, protocol }: Tuple,
		zone = 0,
	): void {
		const isIpv4 = source[IPV4 - 1] === 0xff && source[0] === 0;
		this.begin(NLM_F_REQUEST, sequence, isIpv4 ? AF_INET : AF_INET6);
		const tuple = this.#open(CTA_TUPLE_ORIG);
		const ip = this.#open(CTA_TUPLE_IP);
		this.#address(isIpv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, source, isIpv4);
		this.#address(isIpv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, destination, isIpv4);
		this.#close(ip);
		const proto = this.#open(CTA_TUPLE_PROTO);
		this.#attribute(CTA_PROTO_NUM, 1);
		this.#bytes[this.#at] = protocol;
		this.#at += 4;
		this.#u16(CTA_PROTO_SRC_PORT, sourcePort ?? 0);
		this.#u16(CTA_PROTO_DST_PORT, destinationPort ?? 0);
		this.#close(proto);
		this.#close(tuple);
		if (zone !== 0) this.#u16(CTA_ZONE, zone);
		this.end();
	}

	begin(flags: number, sequence: number, family: number, type = CT_GET): void {
		const at = this.#at;
		this.#start = at;
		this.#view.setUint16(at + 4, type, true);
		this.#view.setUint16(at + 6, flags, true);
		this.#view.setUint32(at + 8, sequence, true);
		this.#bytes[at + HEADER] = family;
		this.#at += HEADER + FAMILY_HEADER;
	}

	end(): void {
		this.#view.setUint32(this.#start, this.#at - this.#start, true);
	}

	u32(type: number, value: number): void {
		this.#attribute(type, 4);
		this.#view.setUint32(this.#at, value);
		this.#at += 4;
	}

	bytes(): Uint8Array {
		return this.#bytes.subarray(0, this.#at);
	}

	/** Its value, of `length` bytes, comes next. */
	#attribute(type: number, length: number): void {
		this.#view.setUint16(this.#at, ATTRIBUTE_HEADER + length, true);
		this.#view.setUint16(this.#at + 2, type, true);
		this.#at += ATTRIBUTE_HEADER;
	}

	#open(type: number): number {
		this.#attribute(type | NLA_F_NESTED, 0);
		return this.#at - ATTRIBUTE_HEADER;
	}

	#close(start: number): void {
		this.#view.setUint16(start, this.#at - start, true);
	}

	#address(type: number, mapped: Uint8Array, isIpv4: boolean): void {
		const address = isIpv4 ? mapped.subarray(IPV4) : mapped;
		this.#attribute(type, address.length);
		this.#bytes.set(address, this.#at);
		this.#at += address.length;
	}

	#u16(type: number, value: number): void {
		this.#attribute(type, 2);
		this.#view.setUint16(this.#at, value);
		this.#at += 4;
	}
}
