/** A flow of conntrack, as whatever tells of it says. */

/** One direction of a connection, as it is asked for. */
export interface Tuple {
	/** 16 bytes in network byte order, IPv4 as IPv4-mapped IPv6. */
	readonly source: Uint8Array;
	readonly destination: Uint8Array;
	/** Null where the protocol has none. */
	sourcePort: number | null;
	destinationPort: number | null;
	/** IPPROTO_… */
	protocol: number;
}

/** One direction of a flow. */
export interface FlowTuple extends Tuple {
	/** Both ports, or of ICMP its id, type and code: what tells flows between two hosts apart. */
	key: number;
}

/** Nanoseconds since 1970 in two parts, as one number of them would not be exact. */
export interface Instant {
	seconds: number;
	ns: number;
}

/** Overwritten by the next reading. */
export interface CtFlow {
	readonly original: FlowTuple;
	/** What answers are expected to look like. */
	readonly reply: FlowTuple;
	/** Of the entry as long as it is there; others may have the same. */
	id: number;
	/** Of two flows with the same ends, one after the other, which it is; 0: it does not say. */
	readonly entry: number;
	/** NF_CT_ZONE_ID: of the part of the table that it is in. */
	zone: number;
	/** Bits of enum ip_conntrack_status. */
	status: number;
	mark: number;
	/** Null where it does not say, as without nf_conntrack_acct. */
	packetsOriginal: number | null;
	bytesOriginal: number | null;
	packetsReply: number | null;
	bytesReply: number | null;
	/** When it began, where that is kept. */
	hasStart: boolean;
	readonly start: Instant;
	/** When this happened. */
	hasTime: boolean;
	readonly time: Instant;
	/** It says that the flow began. */
	readonly isBeginning: boolean;
	/** Whether answers come from where, and go to where, the original does not say. */
	readonly isTranslated: boolean;
}

const ADDRESS = 16;
/** Where the four bytes of an IPv4 address are in an IPv4-mapped one. */
export const PREFIX = 12;

export const newFlowTuple = (): FlowTuple => ({
	source: mappedAddress(),
	destination: mappedAddress(),
	...{ sourcePort: null, destinationPort: null, protocol: 0, key: 0 },
});

function mappedAddress(): Uint8Array {
	const bytes = new Uint8Array(ADDRESS);
	bytes.fill(0xff, PREFIX - 2, PREFIX);
	return bytes;
}

export const isReverse = (a: Tuple, b: Tuple): boolean =>
	a.sourcePort === b.destinationPort &&
	a.destinationPort === b.sourcePort &&
	areEqual(a.source, b.destination) &&
	areEqual(a.destination, b.source);

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
	for (let i = 0; i < ADDRESS; i++) if (a[i] !== b[i]) return false;
	return true;
}

/** FNV-1a of what a table has once at a time: for whom the kernel's own id does not reach. */
export function tupleId({ original, zone }: CtFlow): number {
	const { source, destination, key, protocol } = original;
	let hash = 0x811c9dc5;
	for (let i = 0; i < ADDRESS; i++) {
		hash = Math.imul(hash ^ (source[i] ?? 0), 0x01000193);
		hash = Math.imul(hash ^ (destination[i] ?? 0), 0x01000193);
	}
	for (const word of [key, (zone << 8) | protocol])
		for (let shift = 0; shift < 32; shift += 8)
			hash = Math.imul(hash ^ ((word >>> shift) & 0xff), 0x01000193);
	return hash >>> 0;
}

const NS_PER_SECOND = 1_000_000_000;

/** A u64 of nanoseconds divided as on paper, 16 bits a digit: no step leaves the exact numbers. */
export function readInstant(
	view: DataView,
	offset: number,
	isLittleEndian: boolean,
	into: Instant,
): void {
	let [seconds, rest] = [0, 0];
	for (let digit = 0; digit < 8; digit += 2) {
		const at = isLittleEndian ? 6 - digit : digit;
		rest = rest * 65_536 + view.getUint16(offset + at, isLittleEndian);
		const whole = Math.floor(rest / NS_PER_SECOND);
		rest -= whole * NS_PER_SECOND;
		seconds = seconds * 65_536 + whole;
	}
	into.seconds = seconds;
	into.ns = rest;
}
