/** The ends of a flow as conntrack has them, in few bytes: to compare, and to be made text of when needed. */

import type { CtFlow, FlowTuple, Tuple } from "../maps/ct-flow.ts";
import { addressText } from "./address.ts";
import type { FlowEnds } from "./records.ts";

const AT = {
	source: 0,
	destination: 16,
	/** FlowTuple.key, which has both ports. */
	key: 32,
	protocol: 36,
	hasPorts: 37,
} as const;
const TUPLE_BYTES = 38;
const ADDRESS_BYTES = 16;

/** The original tuple, and that of the replies behind it where it is not its reverse. */
export function packEnds({ original, reply, isTranslated }: CtFlow): Uint8Array {
	const packed = new Uint8Array(isTranslated ? 2 * TUPLE_BYTES : TUPLE_BYTES);
	pack(packed, 0, original);
	if (isTranslated) pack(packed, TUPLE_BYTES, reply);
	return packed;
}

/** Whether this is the original tuple. */
export function isOriginal(packed: Uint8Array, tuple: FlowTuple): boolean {
	const { source, destination, key, protocol } = tuple;
	if (packed[AT.protocol] !== protocol || keyAt(packed, AT.key) !== key) return false;
	for (let i = 0; i < ADDRESS_BYTES; i++) {
		if (packed[AT.source + i] !== source[i]) return false;
		if (packed[AT.destination + i] !== destination[i]) return false;
	}
	return true;
}

/** IPPROTO_… */
export const protocolOf = (packed: Uint8Array): number => packed[AT.protocol] ?? 0;

export const originalEnds = (packed: Uint8Array): FlowEnds => endsAt(packed, 0);

/** As the other side sees it: who it hears, and who it is. Null where nothing is translated. */
export const translatedEnds = (packed: Uint8Array): FlowEnds | null =>
	packed.length === TUPLE_BYTES ? null : reversed(endsAt(packed, TUPLE_BYTES));

export const endsOf = (tuple: Tuple): FlowEnds => ({
	source_address: addressText(tuple.source),
	source_port: tuple.sourcePort,
	destination_address: addressText(tuple.destination),
	destination_port: tuple.destinationPort,
});

export function reversed(ends: FlowEnds): FlowEnds {
	return {
		source_address: ends.destination_address,
		source_port: ends.destination_port,
		destination_address: ends.source_address,
		destination_port: ends.source_port,
	};
}

function pack(into: Uint8Array, at: number, tuple: FlowTuple): void {
	into.set(tuple.source, at + AT.source);
	into.set(tuple.destination, at + AT.destination);
	for (let i = 0; i < 4; i++) into[at + AT.key + i] = tuple.key >> (24 - 8 * i);
	into[at + AT.protocol] = tuple.protocol;
	into[at + AT.hasPorts] = tuple.sourcePort === null ? 0 : 1;
}

function endsAt(packed: Uint8Array, at: number): FlowEnds {
	const address = (offset: number): string =>
		addressText(packed.subarray(at + offset, at + offset + ADDRESS_BYTES));
	const hasPorts = packed[at + AT.hasPorts] === 1;
	const key = keyAt(packed, at + AT.key);
	return {
		source_address: address(AT.source),
		source_port: hasPorts ? key >>> 16 : null,
		destination_address: address(AT.destination),
		destination_port: hasPorts ? key & 0xffff : null,
	};
}

/** Signed, as the operators make it. */
function keyAt(packed: Uint8Array, at: number): number {
	let key = 0;
	for (let i = 0; i < 4; i++) key = (key << 8) | (packed[at + i] ?? 0);
	return key;
}
