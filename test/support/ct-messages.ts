/** Messages of ctnetlink, as the kernel puts them together. */

export interface CtTuple {
	/** 4 or 16 bytes. */
	readonly source: readonly number[];
	readonly destination: readonly number[];
	readonly sourcePort?: number;
	readonly destinationPort?: number;
	readonly protocol: number;
	/** Id, type and code. */
	readonly icmp?: readonly [id: number, type: number, code: number];
}

export interface CtCounters {
	readonly packets: number;
	readonly bytes: bigint;
}

export interface CtEntry {
	/** nlmsg_type */
	readonly type: number;
	readonly original: CtTuple;
	/** The reverse of the original, if left out. */
	readonly reply?: CtTuple;
	readonly id?: number;
	readonly status?: number;
	readonly zone?: number;
	readonly mark?: number;
	readonly counters?: readonly [original: CtCounters, reply: CtCounters];
	/** Nanoseconds since 1970. */
	readonly startNs?: bigint;
	readonly timeNs?: bigint;
}

const NESTED = 0x8000;

const u16 = (value: number): number[] => [(value >> 8) & 255, value & 255];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 65_535)];
const u64 = (value: bigint): number[] => [
	...u32(Number(value >> 32n)),
	...u32(Number(value & 0xffffffffn)),
];
const little = (value: number, bytes: number): number[] =>
	Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256);

function attribute(type: number, ...values: readonly number[][]): number[] {
	const value = values.flat();
	const padding = Array.from({ length: -value.length & 3 }, () => 0);
	return [...little(4 + value.length, 2), ...little(type, 2), ...value, ...padding];
}

function tuple(type: number, of: CtTuple): number[] {
	const isIpv4 = of.source.length === 4;
	const [source, destination] = isIpv4 ? [1, 2] : [3, 4];
	const ports =
		of.sourcePort === undefined || of.destinationPort === undefined
			? []
			: [attribute(2, u16(of.sourcePort)), attribute(3, u16(of.destinationPort))];
	const [id = 0, icmpType = 0, code = 0] = of.icmp ?? [];
	const first = isIpv4 ? 4 : 7;
	const icmp =
		of.icmp === undefined
			? []
			: [attribute(first, u16(id)), attribute(first + 1, [icmpType]), attribute(first + 2, [code])];
	return attribute(
		type | NESTED,
		attribute(
			1 | NESTED,
			attribute(source, [...of.source]),
			attribute(destination, [...of.destination]),
		),
		attribute(2 | NESTED, attribute(1, [of.protocol]), ...ports, ...icmp),
	);
}

function reverse(of: CtTuple): CtTuple {
	const { source, destination, sourcePort, destinationPort, ...rest } = of;
	const ports =
		sourcePort === undefined || destinationPort === undefined
			? {}
			: { sourcePort: destinationPort, destinationPort: sourcePort };
	return { ...rest, source: destination, destination: source, ...ports };
}

const counters = (type: number, { packets, bytes }: CtCounters): number[] =>
	attribute(type | NESTED, attribute(1, u64(BigInt(packets))), attribute(2, u64(bytes)));

export function ctMessage(entry: CtEntry): Uint8Array {
	const { type, original, id = 1, status = 0, mark = 0, startNs, timeNs } = entry;
	return netlinkMessage(type, [
		...[2, 0, 0, 0],
		...tuple(1, original),
		...tuple(2, entry.reply ?? reverse(original)),
		...attribute(12, u32(id)),
		...attribute(3, u32(status)),
		...attribute(8, u32(mark)),
		...(entry.zone === undefined ? [] : attribute(18, u16(entry.zone))),
		...(entry.counters ?? []).flatMap((each, index) => counters(9 + index, each)),
		...(startNs === undefined ? [] : attribute(20 | NESTED, attribute(1, u64(startNs)))),
		...(timeNs === undefined ? [] : attribute(27, u64(timeNs))),
	]);
}

export function netlinkMessage(type: number, body: readonly number[], flags = 0): Uint8Array {
	const header = [...little(16 + body.length, 4), ...little(type, 2), ...little(flags, 2)];
	return Uint8Array.from([...header, ...little(0, 8), ...body]);
}
