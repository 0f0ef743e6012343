import { describe, expect, test } from "bun:test";
import { encode } from "dns-packet";
import fc from "fast-check";
import { type PacketFilterOptions, packetFilter } from "../../src/maps/packet-filter.ts";
import { type PacketFacts, runFilter } from "../support/classic-bpf.ts";
import {
	type Ends,
	fragment6,
	IPV4_ENDS,
	IPV6_ENDS,
	ipv4,
	ipv6,
	tcp,
	udp,
} from "../support/packets.ts";

const QUESTION = { type: "A", name: "www.example.com" };
const NOTHING = new Uint8Array(0);
const UDP = 17;
const TCP = 6;
const FRAGMENT = 44;
const ALL: PacketFilterOptions = {
	...{ ports: [{ first: 53, last: 53 }], ipv4: true, ipv6: true, tcp: true, udp: true },
	elsewhere: false,
};
const ETHERNET: PacketFacts = { protocol: 0x0800, packetType: 0, hardwareType: 1 };

function takes(
	packet: Uint8Array,
	options: Partial<PacketFilterOptions> = {},
	facts: Partial<PacketFacts> = {},
): boolean {
	const protocol = (packet[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800;
	const program = packetFilter({ ...ALL, ...options });
	return runFilter(program, packet, { ...ETHERNET, protocol, ...facts }) >= 65_536;
}

const back = (ends: Ends): Ends => ({
	...{ source: ends.destination, sourcePort: ends.destinationPort },
	...{ destination: ends.source, destinationPort: ends.sourcePort },
});
const datagram = (ends: Ends): Uint8Array => ipv4(ends, UDP, udp(ends, NOTHING));

describe("lets through", () => {
	for (const [what, packet] of [
		["a question over UDP", datagram(IPV4_ENDS)],
		["its answer", datagram(back(IPV4_ENDS))],
		["TCP", ipv4(IPV4_ENDS, TCP, tcp(IPV4_ENDS, NOTHING))],
		["UDP over IPv6", ipv6(IPV6_ENDS, UDP, udp(IPV6_ENDS, NOTHING))],
		["TCP over IPv6, backward", ipv6(back(IPV6_ENDS), TCP, tcp(back(IPV6_ENDS), NOTHING))],
		["options of IPv4", ipv4(IPV4_ENDS, UDP, udp(IPV4_ENDS, NOTHING), { options: 10 })],
		["the first fragment", ipv4(IPV4_ENDS, UDP, udp(IPV4_ENDS, NOTHING), { fragment: 0x2000 })],
		["and of IPv6", ipv6(IPV6_ENDS, FRAGMENT, fragment6(UDP, 1, udp(IPV6_ENDS, NOTHING)))],
	] as const)
		test(what, () => expect(takes(packet)).toBe(true));

	test("what comes in over loopback", () => {
		expect(takes(datagram(IPV4_ENDS), {}, { hardwareType: 772 })).toBe(true);
	});

	test("what goes out over a card", () => {
		expect(takes(datagram(IPV4_ENDS), {}, { packetType: 4 })).toBe(true);
	});
});

describe("lets not through", () => {
	const elsewhere = { ...IPV4_ENDS, destinationPort: 54 };
	for (const [what, packet] of [
		["another port", datagram(elsewhere)],
		["ICMP", ipv4(IPV4_ENDS, 1, udp(IPV4_ENDS, NOTHING))],
		["a later fragment", ipv4(IPV4_ENDS, UDP, udp(IPV4_ENDS, NOTHING), { fragment: 185 })],
		["and of IPv6", ipv6(IPV6_ENDS, FRAGMENT, fragment6(UDP, 1448, udp(IPV6_ENDS, NOTHING)))],
		["a fragment of something else", ipv6(IPV6_ENDS, FRAGMENT, fragment6(58, 1, [0, 53, 0, 53]))],
		["less than two ports", datagram(IPV4_ENDS).subarray(0, 22)],
		["nothing", NOTHING],
	] as const)
		test(what, () => expect(takes(packet)).toBe(false));

	test("what goes out over loopback: it comes in, too", () => {
		expect(takes(datagram(IPV4_ENDS), {}, { hardwareType: 772, packetType: 4 })).toBe(false);
	});

	test("what is not IP", () => {
		expect(takes(datagram(IPV4_ENDS), {}, { protocol: 0x0806 })).toBe(false);
	});

	test("what is not asked for", () => {
		expect(takes(datagram(IPV4_ENDS), { udp: false })).toBe(false);
		expect(takes(datagram(IPV4_ENDS), { ipv4: false })).toBe(false);
		expect(takes(ipv4(IPV4_ENDS, TCP, tcp(IPV4_ENDS, NOTHING)), { tcp: false })).toBe(false);
		expect(takes(ipv6(IPV6_ENDS, UDP, udp(IPV6_ENDS, NOTHING)), { ipv6: false })).toBe(false);
	});
});

test("any spans of ports, of either end, are what they say", () => {
	const port = fc.integer({ min: 0, max: 65_535 });
	const span = fc
		.tuple(port, port)
		.map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
	const ports = fc.array(span, { minLength: 1, maxLength: 32 });
	fc.assert(
		fc.property(ports, port, port, (spans, sourcePort, destinationPort) => {
			const isIn = (one: number) => spans.some(({ first, last }) => first <= one && one <= last);
			const packet = datagram({ ...IPV4_ENDS, sourcePort, destinationPort });
			expect(takes(packet, { ports: spans })).toBe(isIn(sourcePort) || isIn(destinationPort));
		}),
	);
});

test("more spans than a program has room for are an error", () => {
	const ports = Array.from({ length: 33 }, (_, index) => ({ first: index * 2, last: index * 2 }));
	expect(() => packetFilter({ ...ALL, ports })).toThrow(RangeError);
});

test("whatever is let through, the kernel's checks of a program would pass it", () => {
	const port = fc.integer({ min: 0, max: 65_535 });
	const ports = fc.array(fc.record({ first: port, last: port }), { maxLength: 32 });
	const either = fc.boolean();
	const options = { ports, ipv4: either, ipv6: either, tcp: either, udp: either };
	fc.assert(
		fc.property(fc.record({ ...options, elsewhere: either }), (options) => {
			const program = packetFilter(options);
			const view = new DataView(program.buffer);
			const count = program.length / 8;
			expect(Number.isInteger(count) && count > 0 && count <= 4096).toBe(true);
			for (let at = 0; at < count; at++) {
				const code = view.getUint16(at * 8, true);
				if ((code & 7) !== 5) continue;
				const isAlways = code === 5;
				const ways = isAlways
					? [view.getUint32(at * 8 + 4, true)]
					: [view.getUint8(at * 8 + 2), view.getUint8(at * 8 + 3)];
				for (const way of ways) expect(at + 1 + way).toBeLessThan(count);
			}
			expect(view.getUint16((count - 1) * 8, true)).toBe(6);
		}),
	);
});

test("packets of any bytes are let through or not, and what is no packet of these is not", () => {
	const start = fc.constantFrom(0x45, 0x4f, 0x60, 0x00);
	fc.assert(
		fc.property(start, fc.uint8Array({ maxLength: 80 }), fc.boolean(), (first, rest, isIpv4) => {
			const facts = { protocol: isIpv4 ? 0x0800 : 0x86dd, packetType: 0, hardwareType: 1 };
			const packet = Uint8Array.of(first, ...rest);
			const taken = runFilter(packetFilter(ALL), packet, facts);
			expect([0, 0x4_0000]).toContain(taken);
			// No header of its own, and one of UDP or TCP: there is nothing to have ports.
			if (packet.length < (isIpv4 ? 20 : 40) + 2) expect(taken).toBe(0);
		}),
		{ numRuns: 1000 },
	);
});

describe("what looks like DNS at other ports", () => {
	const elsewhere = { ...IPV4_ENDS, destinationPort: 40_053 };
	const elsewhere6 = { ...IPV6_ENDS, destinationPort: 40_053 };
	const LOOPBACK = { hardwareType: 772 };
	const ALSO = { elsewhere: true };
	const question = encode({ type: "query", id: 0xabcd, flags: 0x100, questions: [QUESTION] });
	const answer = encode({
		...{ type: "response", id: 0xabcd, flags: 0x180, questions: [QUESTION] },
		answers: [{ type: "A", name: QUESTION.name, ttl: 60, data: "192.0.2.1" }],
	});
	const framed = (message: Uint8Array) =>
		Uint8Array.of(message.length >> 8, message.length & 255, ...message);
	const overTcp = (ends: Ends, message: Uint8Array, options = 0) =>
		tcp(ends, framed(message), { options });

	for (const [what, packet] of [
		["a question", ipv4(elsewhere, UDP, udp(elsewhere, question))],
		["its answer", ipv4(back(elsewhere), UDP, udp(back(elsewhere), answer))],
		["a question over IPv6", ipv6(elsewhere6, UDP, udp(elsewhere6, question))],
		["behind options of IPv4", ipv4(elsewhere, UDP, udp(elsewhere, question), { options: 3 })],
	] as const)
		test(`${what} is let through, if that is asked for`, () => {
			expect(takes(packet, ALSO)).toBe(true);
			expect(takes(packet)).toBe(false);
			expect(takes(packet, { ...ALSO, udp: false })).toBe(false);
		});

	for (const [what, packet] of [
		["IPv4", ipv4(elsewhere, TCP, overTcp(elsewhere, question))],
		["IPv4, with options of TCP", ipv4(elsewhere, TCP, overTcp(elsewhere, question, 3))],
		["IPv6", ipv6(elsewhere6, TCP, overTcp(elsewhere6, question))],
	] as const)
		test(`a question over TCP is let through on loopback alone: ${what}`, () => {
			expect(takes(packet, ALSO, LOOPBACK)).toBe(true);
			expect(takes(packet, ALSO)).toBe(false);
			expect(takes(packet, { ...ALSO, tcp: false }, LOOPBACK)).toBe(false);
		});

	for (const [what, at, value] of [
		["two questions", 5, 2],
		["none", 5, 0],
		["an answer in a question", 7, 1],
		["a change of a zone", 2, 0x28],
		["a code in a question", 3, 5],
	] as const)
		test(`${what} is not let through`, () => {
			const changed = Uint8Array.from(question).with(at, value);
			expect(takes(ipv4(elsewhere, UDP, udp(elsewhere, changed)), ALSO)).toBe(false);
		});

	test("hardly anything else is let through", () => {
		const bytes = fc.uint8Array({ minLength: 12, maxLength: 60 });
		fc.assert(
			fc.property(bytes, (payload) => {
				fc.pre(payload[4] !== 0 || payload[5] !== 1);
				expect(takes(ipv4(elsewhere, UDP, udp(elsewhere, payload)), ALSO)).toBe(false);
			}),
		);
	});
});
