/** Packets of IP, made byte by byte. */

const u16 = (value: number): number[] => [value >> 8, value & 255];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

export interface Ends {
	readonly source: readonly number[];
	readonly sourcePort: number;
	readonly destination: readonly number[];
	readonly destinationPort: number;
}

export const IPV4_ENDS: Ends = {
	...{ source: [10, 0, 0, 1], sourcePort: 40_000 },
	...{ destination: [10, 0, 0, 2], destinationPort: 53 },
};
export const IPV6_ENDS: Ends = {
	...{ source: [0x20, 1, 13, 0xb8, ...Array(11).fill(0), 1], sourcePort: 40_000 },
	...{ destination: [0x20, 1, 13, 0xb8, ...Array(11).fill(0), 2], destinationPort: 53 },
};

export function udp({ sourcePort, destinationPort }: Ends, payload: Uint8Array): number[] {
	return [
		...u16(sourcePort),
		...u16(destinationPort),
		...u16(8 + payload.length),
		0,
		0,
		...payload,
	];
}

export function tcp(
	{ sourcePort, destinationPort }: Ends,
	payload: Uint8Array,
	{ sequence = 0, flags = 0x10, options = 0 } = {},
): number[] {
	const words = 5 + options;
	const ports = [...u16(sourcePort), ...u16(destinationPort)];
	const head = [...ports, ...u32(sequence), ...u32(0), words << 4, flags, ...Array(6).fill(0)];
	return [...head, ...Array(4 * options).fill(1), ...payload];
}

/** @param options of IP, in words of four bytes */
export function ipv4(
	ends: Ends,
	protocol: number,
	content: readonly number[],
	{ options = 0, fragment = 0 } = {},
): Uint8Array {
	const words = 5 + options;
	const length = 4 * words + content.length;
	const head = [0x40 | words, 0, ...u16(length), 0, 0, ...u16(fragment), 64, protocol, 0, 0];
	const addresses = [...ends.source, ...ends.destination];
	return Uint8Array.of(...head, ...addresses, ...Array(4 * options).fill(1), ...content);
}

export function ipv6(ends: Ends, next: number, content: readonly number[]): Uint8Array {
	const head = [0x60, 0, 0, 0, ...u16(content.length), next, 64];
	return Uint8Array.of(...head, ...ends.source, ...ends.destination, ...content);
}

/** Behind the header of a fragment. */
export const fragment6 = (next: number, offset: number, content: readonly number[]): number[] => [
	...[next, 0, ...u16(offset), 0, 0, 0, 0],
	...content,
];
