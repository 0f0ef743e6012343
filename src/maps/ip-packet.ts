/** Where things are in a packet of IP with a UDP datagram or a TCP segment in it. */

const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_FRAGMENT = 44;
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const FRAGMENT_HEADER_BYTES = 8;
const UDP_HEADER_BYTES = 8;
const TCP_HEADER_BYTES = 20;

const FIN = 1;
const SYN = 2;
const RST = 4;

/** IPv4 as IPv4-mapped IPv6. */
export const ADDRESS_BYTES = 16;
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** One packet at a time; what is read is valid until the next one. */
export class IpPacket {
	/** 16 bytes each, in network byte order: the source, then the destination. */
	readonly addresses = new Uint8Array(2 * ADDRESS_BYTES);
	isTcp = false;
	isMulticast = false;
	/** Time to live of IPv4; whoever forwards a packet takes one off. */
	hopLimit = 0;
	sourcePort = 0;
	destinationPort = 0;
	/** Of a segment. */
	sequence = 0;
	isSyn = false;
	isEnd = false;
	/** Of what is behind the header of UDP or TCP, as far as it is there. */
	payload: Uint8Array = new Uint8Array(0);
	/** Less is there than the headers say: a fragment, or bytes that were not captured. */
	isCut = false;

	constructor() {
		this.addresses.set(MAPPED, 0);
		this.addresses.set(MAPPED, ADDRESS_BYTES);
	}

	/** @returns false where it is not such a packet, or its headers are not whole */
	read(bytes: Uint8Array): boolean {
		const version = (bytes[0] ?? 0) >> 4;
		if (version === 4) return this.#readIpv4(bytes);
		return version === 6 && this.#readIpv6(bytes);
	}

	#readIpv4(bytes: Uint8Array): boolean {
		if (bytes.length < IPV4_HEADER_BYTES) return false;
		const headerBytes = ((bytes[0] ?? 0) & 15) * 4;
		const length = u16(bytes, 2);
		const fragment = u16(bytes, 6);
		if (headerBytes < IPV4_HEADER_BYTES || (fragment & 0x1fff) !== 0) return false;
		this.addresses.set(MAPPED, 0);
		this.addresses.set(MAPPED, ADDRESS_BYTES);
		this.addresses.set(bytes.subarray(12, 16), MAPPED.length);
		this.addresses.set(bytes.subarray(16, 20), ADDRESS_BYTES + MAPPED.length);
		this.isMulticast = ((bytes[16] ?? 0) & 0xf0) === 0xe0;
		this.hopLimit = bytes[8] ?? 0;
		// 0 where the card is to cut it (TSO, more than 64 KiB).
		const end = length === 0 ? bytes.length : length;
		return this.#readTransport(bytes, bytes[9] ?? 0, headerBytes, end, (fragment & 0x2000) !== 0);
	}

	#readIpv6(bytes: Uint8Array): boolean {
		if (bytes.length < IPV6_HEADER_BYTES) return false;
		const length = u16(bytes, 4);
		const end = length === 0 ? bytes.length : IPV6_HEADER_BYTES + length;
		this.addresses.set(bytes.subarray(8, 40), 0);
		this.isMulticast = bytes[24] === 0xff;
		this.hopLimit = bytes[7] ?? 0;
		const next = bytes[6] ?? 0;
		if (next !== IPPROTO_FRAGMENT)
			return this.#readTransport(bytes, next, IPV6_HEADER_BYTES, end, false);
		if (bytes.length < IPV6_HEADER_BYTES + FRAGMENT_HEADER_BYTES) return false;
		const fragment = u16(bytes, IPV6_HEADER_BYTES + 2);
		if ((fragment & 0xfff8) !== 0) return false;
		const at = IPV6_HEADER_BYTES + FRAGMENT_HEADER_BYTES;
		return this.#readTransport(bytes, bytes[40] ?? 0, at, end, (fragment & 1) !== 0);
	}

	#readTransport(
		bytes: Uint8Array,
		protocol: number,
		at: number,
		endOfIp: number,
		hasMore: boolean,
	): boolean {
		const end = Math.min(endOfIp, bytes.length);
		this.isCut = hasMore || end < endOfIp;
		this.isTcp = protocol === IPPROTO_TCP;
		if (this.isTcp) return this.#readTcp(bytes, at, end);
		return protocol === IPPROTO_UDP && this.#readUdp(bytes, at, end);
	}

	#readUdp(bytes: Uint8Array, at: number, end: number): boolean {
		if (at + UDP_HEADER_BYTES > end) return false;
		this.#readPorts(bytes, at);
		const length = u16(bytes, at + 4);
		const endOfUdp = length === 0 ? end : at + length;
		if (endOfUdp < at + UDP_HEADER_BYTES) return false;
		if (endOfUdp > end) this.isCut = true;
		this.payload = bytes.subarray(at + UDP_HEADER_BYTES, Math.min(end, endOfUdp));
		return true;
	}

	#readTcp(bytes: Uint8Array, at: number, end: number): boolean {
		if (at + TCP_HEADER_BYTES > end) return false;
		this.#readPorts(bytes, at);
		this.sequence = ((u16(bytes, at + 4) << 16) | u16(bytes, at + 6)) >>> 0;
		const headerBytes = ((bytes[at + 12] ?? 0) >> 4) * 4;
		if (headerBytes < TCP_HEADER_BYTES || at + headerBytes > end) return false;
		const flags = bytes[at + 13] ?? 0;
		this.isSyn = (flags & SYN) !== 0;
		this.isEnd = (flags & (FIN | RST)) !== 0;
		this.payload = bytes.subarray(at + headerBytes, end);
		return true;
	}

	#readPorts(bytes: Uint8Array, at: number): void {
		this.sourcePort = u16(bytes, at);
		this.destinationPort = u16(bytes, at + 2);
	}
}

function u16(bytes: Uint8Array, at: number): number {
	return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
