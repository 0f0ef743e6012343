/**
 * What ctnetlink says of a connection that conntrack follows: struct nlmsghdr, struct nfgenmsg and
 * attributes in attributes (netlink(7); nfnetlink_conntrack.h). Numbers in attributes are in
 * network byte order, those of the headers in the CPU's.
 */

import { DecodeError } from "../errors.ts";
import {
	type CtFlow,
	type FlowTuple,
	type Instant,
	isReverse,
	newFlowTuple,
	PREFIX,
	readInstant,
} from "./ct-flow.ts";
import {
	CTA_COUNTERS_BYTES,
	CTA_COUNTERS_ORIG,
	CTA_COUNTERS_PACKETS,
	CTA_COUNTERS_REPLY,
	CTA_ID,
	CTA_IP_V4_DST,
	CTA_IP_V4_SRC,
	CTA_IP_V6_DST,
	CTA_IP_V6_SRC,
	CTA_MARK,
	CTA_PROTO_DST_PORT,
	CTA_PROTO_ICMP_CODE,
	CTA_PROTO_ICMP_ID,
	CTA_PROTO_ICMP_TYPE,
	CTA_PROTO_ICMPV6_CODE,
	CTA_PROTO_ICMPV6_ID,
	CTA_PROTO_ICMPV6_TYPE,
	CTA_PROTO_NUM,
	CTA_PROTO_SRC_PORT,
	CTA_STATS_DROP,
	CTA_STATUS,
	CTA_TIMESTAMP,
	CTA_TIMESTAMP_EVENT,
	CTA_TIMESTAMP_START,
	CTA_TUPLE_IP,
	CTA_TUPLE_ORIG,
	CTA_TUPLE_PROTO,
	CTA_TUPLE_REPLY,
	CTA_TUPLE_ZONE,
	CTA_ZONE,
} from "./ctnetlink-attributes.ts";

/** nlmsg_type of control messages. */
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
/** NFNL_SUBSYS_CTNETLINK << 8, with IPCTNL_MSG_CT_NEW, _GET and _DELETE. */
export const CT_NEW = 0x100;
export const CT_GET = 0x101;
export const CT_DELETE = 0x102;
/** _GET_STATS_CPU */
export const CT_STATS = 0x104;

/** The table changed while it was dumped. */
export const NLM_F_DUMP_INTR = 0x10;

/** struct nlmsghdr */
export const HEADER = 16;
/** struct nfgenmsg */
export const FAMILY_HEADER = 4;
export const ATTRIBUTE_HEADER = 4;
const TYPE_MASK = 0x3fff;

const ADDRESS = 16;
const WORD = 2 ** 32;

/** The messages in a buffer that the kernel has filled, one after the other, in one object. */
export class CtMessage implements CtFlow {
	/** nlmsg_type: CT_NEW, CT_DELETE, CT_STATS, NLMSG_DONE or NLMSG_ERROR. */
	type = 0;
	/** nlmsg_flags */
	flags = 0;
	/** nlmsg_seq: of the request that this answers. */
	sequence = 0;
	/** Of NLMSG_ERROR: errno, positive. */
	error = 0;
	/** Of CT_STATS: packets of flows that found no room in the kernel's table, on one CPU. */
	drops = 0;
	readonly original = newFlowTuple();
	/** What answers are expected to look like: not the reverse of the original where there is NAT. */
	readonly reply = newFlowTuple();
	/** CTA_ID: of the entry as long as it is there. */
	id = 0;
	readonly entry = 0;
	/** CTA_ZONE: 0 where there is but one. */
	zone = 0;
	/** Bits of enum ip_conntrack_status. */
	status = 0;
	mark = 0;
	/** Null where it does not say, as without nf_conntrack_acct. */
	packetsOriginal: number | null = null;
	bytesOriginal: number | null = null;
	packetsReply: number | null = null;
	bytesReply: number | null = null;
	/** When it began, where nf_conntrack_timestamp is on and the message has it. */
	hasStart = false;
	readonly start: Instant = { seconds: 0, ns: 0 };
	/** When this happened. */
	hasTime = false;
	readonly time: Instant = { seconds: 0, ns: 0 };
	readonly #view: DataView;
	readonly #bytes: Uint8Array;

	/** @param bytes of which read() reads */
	constructor(bytes: Uint8Array) {
		this.#bytes = bytes;
		this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	}

	/**
	 * The message at `offset`, of a buffer that is filled as far as `end`.
	 *
	 * @returns where the next one begins
	 * @throws DecodeError
	 */
	read(offset: number, end: number): number {
		const view = this.#view;
		const length = offset + HEADER <= end ? view.getUint32(offset, true) : 0;
		if (length < HEADER || offset + length > end)
			throw new DecodeError(`a netlink message of ${length} bytes, in ${end - offset}`);
		this.type = view.getUint16(offset + 4, true);
		this.flags = view.getUint16(offset + 6, true);
		this.sequence = view.getUint32(offset + 8, true);
		if (this.type === NLMSG_ERROR && length >= HEADER + 4)
			this.error = -view.getInt32(offset + HEADER, true);
		if (this.type === CT_STATS) {
			const at = this.#find(offset + HEADER + FAMILY_HEADER, offset + length, CTA_STATS_DROP, 4);
			this.drops = at === 0 ? 0 : view.getUint32(at);
		}
		if (this.type === CT_NEW || this.type === CT_DELETE) {
			this.#clear();
			this.#readEntry(offset + HEADER + FAMILY_HEADER, offset + length);
		}
		return offset + align(length);
	}

	get isTranslated(): boolean {
		return !isReverse(this.original, this.reply);
	}

	get isBeginning(): boolean {
		return this.type === CT_NEW;
	}

	#clear(): void {
		this.id = this.zone = this.status = this.mark = 0;
		this.packetsOriginal = this.bytesOriginal = null;
		this.packetsReply = this.bytesReply = null;
		this.hasStart = this.hasTime = false;
		for (const tuple of [this.original, this.reply]) {
			tuple.sourcePort = tuple.destinationPort = null;
			tuple.key = tuple.protocol = 0;
		}
	}

	#readEntry(begin: number, end: number): void {
		const view = this.#view;
		for (let at = begin; at + ATTRIBUTE_HEADER <= end; ) {
			const next = this.#next(at, end);
			const value = at + ATTRIBUTE_HEADER;
			switch (view.getUint16(at + 2, true) & TYPE_MASK) {
				case CTA_TUPLE_ORIG:
					this.#readTuple(this.original, value, next);
					break;
				case CTA_TUPLE_REPLY:
					this.#readTuple(this.reply, value, next);
					break;
				case CTA_STATUS:
					this.status = view.getUint32(this.#whole(value, next, 4));
					break;
				case CTA_MARK:
					this.mark = view.getUint32(this.#whole(value, next, 4));
					break;
				case CTA_ZONE:
					this.zone = view.getUint16(this.#whole(value, next, 2));
					break;
				case CTA_ID:
					this.id = view.getUint32(this.#whole(value, next, 4));
					break;
				case CTA_COUNTERS_ORIG:
					this.packetsOriginal = this.#count(value, next, CTA_COUNTERS_PACKETS);
					this.bytesOriginal = this.#count(value, next, CTA_COUNTERS_BYTES);
					break;
				case CTA_COUNTERS_REPLY:
					this.packetsReply = this.#count(value, next, CTA_COUNTERS_PACKETS);
					this.bytesReply = this.#count(value, next, CTA_COUNTERS_BYTES);
					break;
				case CTA_TIMESTAMP:
					this.hasStart = this.#readStart(value, next);
					break;
				case CTA_TIMESTAMP_EVENT:
					this.hasTime = true;
					readInstant(view, this.#whole(value, next, 8), false, this.time);
					break;
			}
			at = align(next);
		}
	}

	/** Where the attribute at `at` ends; it is whole. */
	#next(at: number, end: number): number {
		const length = this.#view.getUint16(at, true);
		if (length < ATTRIBUTE_HEADER || at + length > end)
			throw new DecodeError(`a netlink attribute of ${length} bytes, in ${end - at}`);
		return at + length;
	}

	/** `value`, where there are as many bytes until `end`. */
	#whole(value: number, end: number, bytes: number): number {
		if (end - value >= bytes) return value;
		throw new DecodeError(`a netlink attribute of ${end - value} bytes where ${bytes} belong`);
	}

	/**
	 * Where the value of the attribute of this type is, which has so many bytes at least, among those
	 * from `begin` to `end`; 0: nowhere.
	 */
	#find(begin: number, end: number, type: number, bytes: number): number {
		for (let at = begin; at + ATTRIBUTE_HEADER <= end; ) {
			const next = this.#next(at, end);
			if ((this.#view.getUint16(at + 2, true) & TYPE_MASK) === type)
				return this.#whole(at + ATTRIBUTE_HEADER, next, bytes);
			at = align(next);
		}
		return 0;
	}

	#readTuple(tuple: FlowTuple, begin: number, end: number): void {
		const view = this.#view;
		for (let at = begin; at + ATTRIBUTE_HEADER <= end; ) {
			const next = this.#next(at, end);
			const value = at + ATTRIBUTE_HEADER;
			const type = view.getUint16(at + 2, true) & TYPE_MASK;
			if (type === CTA_TUPLE_IP) {
				this.#readAddress(tuple.source, value, next, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
				this.#readAddress(tuple.destination, value, next, CTA_IP_V4_DST, CTA_IP_V6_DST);
			} else if (type === CTA_TUPLE_PROTO) {
				this.#readProtocol(tuple, value, next);
			} else if (type === CTA_TUPLE_ZONE) {
				this.zone = view.getUint16(this.#whole(value, next, 2));
			}
			at = align(next);
		}
	}

	#readProtocol(tuple: FlowTuple, begin: number, end: number): void {
		const view = this.#view;
		for (let at = begin; at + ATTRIBUTE_HEADER <= end; ) {
			const next = this.#next(at, end);
			const value = at + ATTRIBUTE_HEADER;
			switch (view.getUint16(at + 2, true) & TYPE_MASK) {
				case CTA_PROTO_NUM:
					tuple.protocol = view.getUint8(this.#whole(value, next, 1));
					break;
				case CTA_PROTO_SRC_PORT:
					tuple.sourcePort = view.getUint16(this.#whole(value, next, 2));
					tuple.key |= tuple.sourcePort << 16;
					break;
				case CTA_PROTO_DST_PORT:
					tuple.destinationPort = view.getUint16(this.#whole(value, next, 2));
					tuple.key |= tuple.destinationPort;
					break;
				case CTA_PROTO_ICMP_ID:
				case CTA_PROTO_ICMPV6_ID:
					tuple.key |= view.getUint16(this.#whole(value, next, 2)) << 16;
					break;
				case CTA_PROTO_ICMP_TYPE:
				case CTA_PROTO_ICMPV6_TYPE:
					tuple.key |= view.getUint8(this.#whole(value, next, 1)) << 8;
					break;
				case CTA_PROTO_ICMP_CODE:
				case CTA_PROTO_ICMPV6_CODE:
					tuple.key |= view.getUint8(this.#whole(value, next, 1));
					break;
			}
			at = align(next);
		}
	}

	#readAddress(to: Uint8Array, begin: number, end: number, ipv4: number, ipv6: number): void {
		const four = this.#find(begin, end, ipv4, 4);
		if (four !== 0) {
			to.fill(0, 0, PREFIX - 2).fill(0xff, PREFIX - 2, PREFIX);
			for (let i = 0; i < 4; i++) to[PREFIX + i] = this.#bytes[four + i] ?? 0;
			return;
		}
		const six = this.#find(begin, end, ipv6, ADDRESS);
		for (let i = 0; six !== 0 && i < ADDRESS; i++) to[i] = this.#bytes[six + i] ?? 0;
	}

	/** Exact to 2^53. */
	#count(begin: number, end: number, type: number): number | null {
		const at = this.#find(begin, end, type, 8);
		return at === 0 ? null : this.#view.getUint32(at) * WORD + this.#view.getUint32(at + 4);
	}

	#readStart(begin: number, end: number): boolean {
		const at = this.#find(begin, end, CTA_TIMESTAMP_START, 8);
		if (at !== 0) readInstant(this.#view, at, false, this.start);
		return at !== 0;
	}
}

const align = (length: number): number => (length + 3) & ~3;
