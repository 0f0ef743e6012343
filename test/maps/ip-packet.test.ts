import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { IpPacket } from "../../src/maps/ip-packet.ts";
import { fragment6, IPV4_ENDS, IPV6_ENDS, ipv4, ipv6, tcp, udp } from "../support/packets.ts";

const CONTENT = Uint8Array.of(1, 2, 3, 4, 5);
const UDP = 17;
const TCP = 6;

function read(bytes: Uint8Array): IpPacket | null {
	const packet = new IpPacket();
	return packet.read(bytes) ? packet : null;
}

const MAPPED = [...Array(10).fill(0), 0xff, 0xff];

describe("a datagram", () => {
	const plain = ipv4(IPV4_ENDS, UDP, udp(IPV4_ENDS, CONTENT));

	test("over IPv4", () => {
		const packet = read(plain);
		expect(packet).toMatchObject({ isTcp: false, sourcePort: 40_000, destinationPort: 53 });
		expect(packet).toMatchObject({ payload: CONTENT, isCut: false, isMulticast: false });
		const addresses = [...MAPPED, ...IPV4_ENDS.source, ...MAPPED, ...IPV4_ENDS.destination];
		expect([...(packet?.addresses ?? [])]).toEqual(addresses);
	});

	test("over IPv6", () => {
		const packet = read(ipv6(IPV6_ENDS, UDP, udp(IPV6_ENDS, CONTENT)));
		expect(packet).toMatchObject({ isTcp: false, sourcePort: 40_000, payload: CONTENT });
		expect([...(packet?.addresses ?? [])]).toEqual([...IPV6_ENDS.source, ...IPV6_ENDS.destination]);
	});

	test("behind options, and before bytes that are not its own", () => {
		const bytes = ipv4(IPV4_ENDS, UDP, udp(IPV4_ENDS, CONTENT), { options: 3 });
		expect(read(Uint8Array.of(...bytes, 0, 0, 0))?.payload).toEqual(CONTENT);
	});

	test("of which a part is missing", () => {
		expect(read(plain.subarray(0, -2))).toMatchObject({
			isCut: true,
			payload: CONTENT.subarray(0, 3),
		});
		const first = ipv4(IPV4_ENDS, UDP, udp(IPV4_ENDS, CONTENT), { fragment: 0x2000 });
		expect(read(first)).toMatchObject({ isCut: true, payload: CONTENT });
		const first6 = ipv6(IPV6_ENDS, 44, fragment6(UDP, 1, udp(IPV6_ENDS, CONTENT)));
		expect(read(first6)).toMatchObject({ isCut: true, payload: CONTENT, destinationPort: 53 });
	});

	test("to many", () => {
		const toAll = { ...IPV4_ENDS, destination: [224, 0, 0, 251] };
		expect(read(ipv4(toAll, UDP, udp(toAll, CONTENT)))?.isMulticast).toBe(true);
		const toAll6 = { ...IPV6_ENDS, destination: [0xff, 2, ...Array(13).fill(0), 0xfb] };
		expect(read(ipv6(toAll6, UDP, udp(toAll6, CONTENT)))?.isMulticast).toBe(true);
	});
});

test("a segment, with options", () => {
	const sequence = 0xfffffff0;
	const segment = tcp(IPV4_ENDS, CONTENT, { sequence, flags: 0x12, options: 3 });
	expect(read(ipv4(IPV4_ENDS, TCP, segment))).toMatchObject({
		...{ isTcp: true, sequence, isSyn: true, isEnd: false, payload: CONTENT },
	});
	for (const flags of [1, 4])
		expect(read(ipv6(IPV6_ENDS, TCP, tcp(IPV6_ENDS, CONTENT, { flags })))?.isEnd).toBe(true);
});

describe("is none", () => {
	for (const [what, bytes] of [
		["nothing", new Uint8Array(0)],
		["another version of IP", Uint8Array.of(0x50, ...Array(60).fill(0))],
		["a header that is not whole", ipv4(IPV4_ENDS, UDP, []).subarray(0, 19)],
		["a datagram without a whole header", ipv4(IPV4_ENDS, UDP, [0, 53, 0, 53])],
		["a segment without a whole header", ipv6(IPV6_ENDS, TCP, Array(19).fill(0x50))],
		["a later fragment", ipv4(IPV4_ENDS, UDP, udp(IPV4_ENDS, CONTENT), { fragment: 1 })],
		["ICMP", ipv4(IPV4_ENDS, 1, Array(20).fill(0))],
	] as const)
		test(what, () => expect(read(bytes)).toBeNull());
});

test("random bytes never throw, and what is read lies within", () => {
	const first = fc.constantFrom(0x45, 0x46, 0x4f, 0x60);
	fc.assert(
		fc.property(first, fc.uint8Array({ maxLength: 120 }), (version, rest) => {
			const bytes = Uint8Array.of(version, ...rest);
			const packet = read(bytes);
			expect(packet?.payload.length ?? 0).toBeLessThanOrEqual(bytes.length);
		}),
		{ numRuns: 2000 },
	);
});

test("whole packets with other bytes never throw, whatever was read before", () => {
	const whole = fc.constantFrom(
		ipv4(IPV4_ENDS, UDP, udp(IPV4_ENDS, CONTENT)),
		ipv4(IPV4_ENDS, TCP, tcp(IPV4_ENDS, CONTENT)),
		ipv6(IPV6_ENDS, UDP, udp(IPV6_ENDS, CONTENT)),
		ipv6(IPV6_ENDS, TCP, tcp(IPV6_ENDS, CONTENT)),
	);
	const changes = fc.array(fc.tuple(fc.nat(63), fc.nat(255)), { maxLength: 8 });
	const packet = new IpPacket();
	let taken = 0;
	fc.assert(
		fc.property(whole, changes, fc.nat(200), (from, others, length) => {
			const bytes = from.slice(0, length);
			for (const [at, value] of others) if (at < bytes.length) bytes[at] = value;
			if (!packet.read(bytes)) return;
			taken++;
			const { payload, addresses, sourcePort, destinationPort, sequence } = packet;
			const end = payload.byteOffset + payload.length;
			expect(payload.buffer).toBe(bytes.buffer);
			expect(end).toBeLessThanOrEqual(bytes.byteOffset + bytes.length);
			expect(addresses.length).toBe(32);
			for (const port of [sourcePort, destinationPort]) expect(port >>> 16).toBe(0);
			expect(sequence).toBeGreaterThanOrEqual(0);
		}),
		{ numRuns: 2000 },
	);
	expect(taken).toBeGreaterThan(100);
});
