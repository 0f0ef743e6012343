import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { TcpMessages } from "../../src/flow/tcp-messages.ts";

const message = (length: number, fill = length): Uint8Array => new Uint8Array(length).fill(fill);
const framed = (...messages: readonly Uint8Array[]): Uint8Array =>
	Uint8Array.of(...messages.flatMap((one) => [one.length >> 8, one.length & 255, ...one]));

function open() {
	const found: Uint8Array[] = [];
	const messages = new TcpMessages((bytes) => found.push(bytes.slice()));
	const add = (sequence: number, payload: Uint8Array, flags = {}, key = "a"): void =>
		messages.add(key, { sequence, payload, isSyn: false, isEnd: false, ...flags });
	return { found, messages, add };
}

const NOTHING = new Uint8Array(0);

describe("messages are found", () => {
	const [one, two] = [message(20), message(30)];

	test("one in a segment", () => {
		const { found, messages, add } = open();
		add(99, NOTHING, { isSyn: true });
		add(100, framed(one));
		expect(found).toEqual([one]);
		expect(messages.bytes).toBe(0);
	});

	test("several in a segment", () => {
		const { found, add } = open();
		add(1, framed(one, two, one));
		expect(found).toEqual([one, two, one]);
	});

	test("one in segments of a byte, where numbers begin anew", () => {
		const { found, messages, add } = open();
		const bytes = framed(one, two);
		for (const [index, byte] of bytes.entries())
			add((0xfffffff0 + index) >>> 0, Uint8Array.of(byte));
		expect(found).toEqual([one, two]);
		expect(messages.takeLost()).toBe(0);
	});

	test("although segments overtake each other, and come again", () => {
		const { found, messages, add } = open();
		const bytes = framed(one, two);
		add(0, NOTHING, { isSyn: true });
		for (const [from, to] of [
			[30, 54],
			[10, 20],
			[0, 10],
			[0, 25],
			[5, 54],
			[20, 30],
		] as const)
			add(1 + from, bytes.subarray(from, to));
		expect(found).toEqual([one, two]);
		expect({ lost: messages.takeLost(), bytes: messages.bytes }).toEqual({ lost: 0, bytes: 0 });
	});

	test("of each connection by itself", () => {
		const { found, add } = open();
		const bytes = framed(one);
		add(1, bytes.subarray(0, 9), {}, "a");
		add(1, framed(two), {}, "b");
		add(10, bytes.subarray(9), {}, "a");
		expect(found).toEqual([two, one]);
	});
});

describe("what never comes is counted, and what comes after it is found", () => {
	test("a segment that was not captured", () => {
		const { found, messages, add } = open();
		const bytes = framed(message(20));
		add(1, bytes);
		for (let index = 2; index < 60; index++) add(1 + index * 22, bytes);
		expect(found.length).toBe(59);
		expect(messages.takeLost()).toBe(1);
		expect(messages.takeLost()).toBe(0);
	});

	test("the end of a connection within a message", () => {
		const { found, messages, add } = open();
		add(1, framed(message(20)).subarray(0, 9), { isEnd: true });
		expect(found).toEqual([]);
		expect({ lost: messages.takeLost(), size: messages.size }).toEqual({ lost: 1, size: 0 });
	});

	test("a length that no message has", () => {
		const { found, messages, add } = open();
		add(1, Uint8Array.of(0, 1, 2, 3));
		add(5, framed(message(20)));
		expect(found).toHaveLength(1);
		expect(messages.takeLost()).toBe(1);
	});
});

test("what is kept has a bound, and what makes room is counted", () => {
	const { messages, add } = open();
	const part = framed(message(60_000)).subarray(0, 50_000);
	let dropped = 0;
	for (let index = 0; index < 2000; index++) {
		add(1, part, {}, `connection ${index}`);
		dropped += messages.takeDropped();
		expect(messages.bytes).toBeLessThanOrEqual(16 * 2 ** 20);
	}
	expect(dropped).toBe(2000 - messages.size);
	for (let index = 0; index < 9000; index++) add(0, NOTHING, { isSyn: true }, `idle ${index}`);
	expect(messages.size).toBeLessThanOrEqual(4096);
});

test("messages that are cut anywhere, doubled and mixed are those that were sent", () => {
	const lengths = fc.array(fc.integer({ min: 12, max: 300 }), { minLength: 1, maxLength: 6 });
	const cuts = fc.array(fc.nat(2000), { maxLength: 12 });
	const start = fc.integer({ min: 0, max: 0xffffffff });
	fc.assert(
		fc.property(
			lengths,
			cuts,
			start,
			fc.infiniteStream(fc.nat(100)),
			(sizes, cut, begin, chance) => {
				const sent = sizes.map((size, index) => message(size, index));
				const bytes = framed(...sent);
				const places = [0, ...cut.map((place) => place % bytes.length), bytes.length];
				const sorted = [...new Set(places)].sort((a, b) => a - b);
				const segments = sorted.slice(1).map((to, index) => ({ from: sorted[index] ?? 0, to }));
				const mixed = [...segments, ...segments.slice(0, 3)]
					.map((segment) => ({ segment, order: chance.next().value }))
					.sort((a, b) => a.order - b.order);
				const { found, messages, add } = open();
				add((begin - 1) >>> 0, NOTHING, { isSyn: true });
				for (const { segment } of mixed)
					add((begin + segment.from) >>> 0, bytes.subarray(segment.from, segment.to));
				expect(found).toEqual(sent);
				expect({ lost: messages.takeLost(), bytes: messages.bytes }).toEqual({ lost: 0, bytes: 0 });
			},
		),
	);
});

test("segments from anybody never throw, and what is kept is what is counted", () => {
	const segment = fc.record({
		sequence: fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffffffff })),
		payload: fc.uint8Array({ maxLength: 80 }),
		isSyn: fc.boolean(),
		isEnd: fc.boolean(),
	});
	fc.assert(
		fc.property(fc.array(segment, { maxLength: 80 }), (segments) => {
			const messages = new TcpMessages(() => {});
			for (const one of segments) messages.add("a", one);
			messages.add("a", { sequence: 0, payload: NOTHING, isSyn: false, isEnd: true });
			expect({ bytes: messages.bytes, size: messages.size }).toEqual({ bytes: 0, size: 0 });
		}),
	);
});
