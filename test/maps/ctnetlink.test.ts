import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DecodeError } from "../../src/errors.ts";
import {
	CT_DELETE,
	CT_NEW,
	CT_STATS,
	CtMessage,
	NLM_F_DUMP_INTR,
	NLMSG_DONE,
	NLMSG_ERROR,
} from "../../src/maps/ctnetlink.ts";
import { dumpRequest, RequestWriter } from "../../src/maps/ctnetlink-requests.ts";
import { ctMessage, netlinkMessage } from "../support/ct-messages.ts";

const TCP = 6;
const TUPLE = {
	source: [10, 0, 0, 1],
	destination: [10, 0, 0, 2],
	sourcePort: 40_000,
	destinationPort: 443,
	protocol: TCP,
};
const IPV6 = {
	source: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
	destination: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
	protocol: 58,
};

function read(...messages: readonly Uint8Array[]): CtMessage {
	const bytes = Buffer.concat(messages);
	const message = new CtMessage(bytes);
	let at = 0;
	while (at < bytes.length) at = message.read(at, bytes.length);
	return message;
}

/** A NEW that the kernel (6.18) has sent over loopback: `recv` of it. */
const FROM_KERNEL =
	"d0000000000100060000000000000000" +
	"02000000" +
	"34000180140001800800010 07f000001080002007f0000011c000280050001000600000006000200c65c000006000300c9b70000" +
	"34000280140001800800010 07f000001080002007f0000011c000280050001000600000006000200c9b7000006000300c65c0000" +
	"08000c00ce838d8008000300000000080800070000000078" +
	"300004802c00018005000100010000000500020 00a0000000500030000000000060004000300000006000500000000 00" +
	"0c001b0018ea3e06620d002f";

describe("a message", () => {
	test("as the kernel has sent it", () => {
		const message = read(Buffer.from(FROM_KERNEL.replaceAll(" ", ""), "hex"));
		expect(message).toMatchObject({
			...{ type: CT_NEW, id: 0xce838d80, status: 8, mark: 0, isTranslated: false },
			original: { sourcePort: 50_780, destinationPort: 51_639, protocol: TCP },
			reply: { sourcePort: 51_639, destinationPort: 50_780, protocol: TCP },
			...{ packetsOriginal: null, bytesReply: null, hasStart: false, hasTime: true },
			time: { seconds: 1_795_315_598, ns: 596_309_039 },
		});
		expect([...message.original.source.subarray(10)]).toEqual([255, 255, 127, 0, 0, 1]);
	});

	test("has counters, beyond 32 bits, a mark and a start", () => {
		const message = read(
			ctMessage({
				...{ type: CT_DELETE, original: TUPLE, id: 0xfffffffe, status: 0x200, mark: 0x80000001 },
				counters: [
					{ packets: 7, bytes: 0x1_0000_0005n },
					{ packets: 0, bytes: 0n },
				],
				startNs: 1_795_315_598_999_999_999n,
			}),
		);
		expect(message).toMatchObject({
			...{ type: CT_DELETE, id: 0xfffffffe, status: 0x200, mark: 0x80000001 },
			...{ packetsOriginal: 7, bytesOriginal: 0x1_0000_0005, packetsReply: 0, bytesReply: 0 },
			...{ hasStart: true, start: { seconds: 1_795_315_598, ns: 999_999_999 }, hasTime: false },
		});
	});

	test("has nothing of the one before it", () => {
		const full = ctMessage({
			...{ type: CT_NEW, original: TUPLE, mark: 5, startNs: 1n, timeNs: 1n },
			counters: [
				{ packets: 7, bytes: 1n },
				{ packets: 7, bytes: 1n },
			],
		});
		expect(read(full, ctMessage({ type: CT_NEW, original: IPV6 }))).toMatchObject({
			...{ mark: 0, packetsOriginal: null, bytesReply: null, hasStart: false, hasTime: false },
			original: { sourcePort: null, destinationPort: null, protocol: 58 },
		});
	});

	test("is translated where answers come from elsewhere", () => {
		const reply = { ...TUPLE, source: [10, 0, 0, 9], destination: TUPLE.source, sourcePort: 443 };
		const to = { ...reply, destinationPort: TUPLE.sourcePort };
		expect(read(ctMessage({ type: CT_NEW, original: TUPLE, reply: to })).isTranslated).toBe(true);
		expect(read(ctMessage({ type: CT_NEW, original: IPV6 })).isTranslated).toBe(false);
	});

	test("may be the end of a dump, or an error", () => {
		const done = read(netlinkMessage(NLMSG_DONE, [0, 0, 0, 0], NLM_F_DUMP_INTR));
		expect(done).toMatchObject({ type: NLMSG_DONE, flags: NLM_F_DUMP_INTR });
		expect(read(netlinkMessage(NLMSG_ERROR, [255, 255, 255, 255]))).toMatchObject({ error: 1 });
	});
});

test("a time is exact to the nanosecond", () => {
	fc.assert(
		fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (timeNs) => {
			const { time } = read(ctMessage({ type: CT_NEW, original: TUPLE, timeNs }));
			expect(BigInt(time.seconds) * 1_000_000_000n + BigInt(time.ns)).toBe(timeNs);
			expect(time.ns).toBeLessThan(1_000_000_000);
		}),
	);
});

test("bytes that are no messages are refused, and never loop", () => {
	const whole = ctMessage({ type: CT_NEW, original: TUPLE, startNs: 1n, timeNs: 1n });
	fc.assert(
		fc.property(
			fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }),
			fc.nat(whole.length),
			(changes, length) => {
				const bytes = whole.slice(0, length);
				for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
				try {
					read(bytes);
				} catch (error) {
					expect(error).toBeInstanceOf(DecodeError);
				}
			},
		),
		{ numRuns: 2000 },
	);
});

/** Attributes of any type and length in one another, often of those that there are. */
const ATTRIBUTES = fc.letrec<{ list: number[]; one: number[] }>((tie) => ({
	list: fc
		.array(tie("one"), { maxLength: 6, depthIdentifier: "attributes" })
		.map((all) => all.flat()),
	one: fc
		.record({
			type: fc.oneof(fc.nat(28), fc.nat(65_535)),
			value: fc.oneof(
				{ depthIdentifier: "attributes", maxDepth: 4 },
				fc.array(fc.nat(255), { maxLength: 17 }),
				tie("list"),
			),
			// What it says of its own length, beyond what it has.
			lie: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: -4, max: 40 })),
			nested: fc.constantFrom(0, 0x80, 0xc0),
		})
		.map(({ type, value, lie, nested }) => {
			const length = Math.max(0, 4 + value.length + lie) & 0xffff;
			const padding = Array.from({ length: -value.length & 3 }, () => 0xff);
			return [length & 255, length >> 8, type & 255, (type >> 8) | nested, ...value, ...padding];
		}),
}));

test("attributes of any type and length are read or refused, and never beyond their message", () => {
	let whole = 0;
	const type = fc.constantFrom(CT_NEW, CT_DELETE, CT_STATS, NLMSG_ERROR, NLMSG_DONE);
	fc.assert(
		fc.property(type, ATTRIBUTES.list, (kind, attributes) => {
			const body = [...(kind === NLMSG_ERROR ? [] : [2, 0, 0, 0]), ...attributes];
			const bytes = netlinkMessage(kind, body);
			// What stands behind it, in the same buffer, plays no part: twice with different bytes.
			const seen = [0x00, 0xff].map((filler) => {
				const buffer = new Uint8Array(bytes.length + 64).fill(filler);
				buffer.set(bytes);
				const message = new CtMessage(buffer);
				try {
					expect(message.read(0, bytes.length)).toBe((bytes.length + 3) & ~3);
					whole++;
					const { original, reply, mark, id, zone, status, start, time, drops } = message;
					return JSON.stringify({ original, reply, mark, id, zone, status, start, time, drops });
				} catch (error) {
					expect(error).toBeInstanceOf(DecodeError);
					return (error as Error).message;
				}
			});
			expect(seen[0]).toBe(seen[1] ?? "");
		}),
		{ numRuns: 3000 },
	);
	expect(whole).toBeGreaterThan(300);
});

test("a buffer of any bytes comes to an end, by its last message or by an error", () => {
	const header = fc
		.tuple(fc.nat(80), fc.constantFrom(0, 1), fc.nat(4))
		.map(([length, high, type]) => [
			...[length, 0, 0, 0, type, high, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
		]);
	const part = fc.oneof(header, fc.array(fc.nat(255), { maxLength: 80 }));
	fc.assert(
		fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
			const bytes = Uint8Array.from(parts.flat());
			const message = new CtMessage(bytes);
			let steps = 0;
			try {
				for (let at = 0; at < bytes.length; steps++) {
					const next = message.read(at, bytes.length);
					expect(next).toBeGreaterThan(at);
					at = next;
				}
			} catch (error) {
				if (!(error instanceof DecodeError)) throw error;
			}
			expect(steps).toBeLessThanOrEqual(bytes.length / 16);
		}),
		{ numRuns: 2000 },
	);
});

test("a dump is asked for with its number", () => {
	expect(Buffer.from(dumpRequest(258)).toString("hex")).toBe(
		"140000000101010302010000000000000000 0000".replace(" ", ""),
	);
	// Of those alone that have a bit of this status.
	expect(Buffer.from(dumpRequest(1, 1 << 5)).toString("hex")).toBe(
		"1c00000001010103010000000000000000000000" + "0800030000000020",
	);
});

test("connections are asked for by their tuples, several at once", () => {
	const writer = new RequestWriter(2);
	const mapped = (last: number): number[] => [...Array(10).fill(0), 255, 255, 10, 0, 0, last];
	const ports = { sourcePort: 4660, destinationPort: 80 };
	writer.get(7, {
		...{ source: Uint8Array.from(mapped(1)), destination: Uint8Array.from(mapped(2)) },
		...{ ...ports, protocol: 6 },
	});
	const ipv6 = (last: number): Uint8Array => Uint8Array.from([0xfd, ...Array(14).fill(0), last]);
	writer.get(8, { source: ipv6(1), destination: ipv6(2), ...ports, protocol: 17 });
	expect(Buffer.from(writer.bytes()).toString("hex")).toBe(
		[
			...["48000000", "0101", "0100", "07000000", "00000000", "02000000", "34000180"],
			...["14000180", "08000100", "0a000001", "08000200", "0a000002"],
			...["1c000280", "05000100", "06000000", "06000200", "12340000", "06000300", "00500000"],
			...["60000000", "0101", "0100", "08000000", "00000000", "0a000000", "4c000180"],
			...["2c000180", "14000300", "fd0000000000000000000000000000 01".replace(" ", "")],
			...["14000400", "fd0000000000000000000000000000 02".replace(" ", "")],
			...["1c000280", "05000100", "11000000", "06000200", "12340000", "06000300", "00500000"],
		].join(""),
	);
});

test("what is asked for is what the kernel reads", () => {
	const address = fc.oneof(
		fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => [...mappedTo(bytes)]),
		fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => [0x20, ...bytes.subarray(1)]),
	);
	const port = fc.option(fc.nat(65_535));
	const tuple = fc.record({
		...{ source: address, sourcePort: port, destinationPort: port },
		protocol: fc.nat(255),
	});
	fc.assert(
		fc.property(fc.array(tuple, { minLength: 1, maxLength: 5 }), (tuples) => {
			const writer = new RequestWriter(tuples.length);
			for (const [index, { source, ...rest }] of tuples.entries()) {
				const bytes = Uint8Array.from(source);
				writer.get(index, { source: bytes, destination: bytes, ...rest });
			}
			const requests = writer.bytes().slice();
			const message = new CtMessage(requests);
			let at = 0;
			for (const [index, asked] of tuples.entries()) {
				// An answer has the same attributes.
				new DataView(requests.buffer).setUint16(at + 4, CT_NEW, true);
				at = message.read(at, requests.length);
				const { source, destination, sourcePort, destinationPort, protocol } = message.original;
				expect({ sequence: message.sequence, protocol, sourcePort, destinationPort }).toEqual({
					sequence: index,
					protocol: asked.protocol,
					sourcePort: asked.sourcePort ?? 0,
					destinationPort: asked.destinationPort ?? 0,
				});
				expect([...source]).toEqual(asked.source);
				expect([...destination]).toEqual(asked.source);
			}
			expect(at).toBe(requests.length);
		}),
	);
});

const mappedTo = (four: Uint8Array): number[] => [...Array(10).fill(0), 0xff, 0xff, ...four];
