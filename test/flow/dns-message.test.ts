import { describe, expect, test } from "bun:test";
import { encode } from "dns-packet";
import fc from "fast-check";
import { readDnsMessage } from "../../src/flow/dns-message.ts";

/** Its head and what is behind it. */
function readWhole(bytes: Uint8Array, isCut: boolean) {
	const message = readDnsMessage(bytes, isCut);
	if (message === null) return null;
	const { body, ...head } = message;
	return { ...head, ...body() };
}

const QUESTION = { type: "A", name: "www.Example.COM" };

const answer = (answers: readonly object[], more: object = {}): Buffer =>
	encode({ type: "response", id: 7, flags: 0, questions: [QUESTION], answers, ...more });

/** A message of one answer whose data is `data`, as the record type with this number. */
function withData(type: number, data: readonly number[]): Uint8Array {
	const header = [0, 7, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0];
	const question = [1, 0x61, 0, 0, 1, 0, 1];
	const record = [0xc0, 12, type >> 8, type & 255, 0, 1, 0, 0, 0, 9, 0, data.length, ...data];
	return Uint8Array.of(...header, ...question, ...record);
}

/** Any question with this name, in bytes. */
const asking = (...name: readonly number[]): Uint8Array =>
	Uint8Array.of(0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 1, 0, 1);

test("a question", () => {
	const bytes = encode({ type: "query", id: 0xabcd, questions: [QUESTION] });
	expect(readWhole(bytes, false)).toEqual({
		...{ id: 0xabcd, isAnswer: false, opcode: 0, isTruncated: false, responseCode: "NOERROR" },
		...{ questionName: "www.example.com", questionType: "A", answers: [], answerCount: 0 },
		isBroken: false,
	});
});

test("an answer with a chain of names, in compressed form", () => {
	const bytes = answer([
		{ type: "CNAME", name: "www.example.com", ttl: 60, data: "web.Example.net" },
		{ type: "A", name: "web.example.net", ttl: 5, data: "192.0.2.1" },
		{ type: "AAAA", name: "web.example.net", ttl: 4294967295, data: "2001:db8::1" },
	]);
	expect(readWhole(bytes, false)).toMatchObject({
		...{ id: 7, isAnswer: true, answerCount: 3, isBroken: false },
		answers: [
			{ name: "www.example.com", type: "CNAME", ttl: 60, data: "web.example.net" },
			{ name: "web.example.net", type: "A", ttl: 5, data: "192.0.2.1" },
			{ name: "web.example.net", type: "AAAA", ttl: 4294967295, data: "2001:db8::1" },
		],
	});
});

describe("data of other types", () => {
	for (const [type, data, text] of [
		["MX", { preference: 10, exchange: "mail.example.com" }, "10 mail.example.com"],
		["NS", "ns.example.com", "ns.example.com"],
		["SRV", { priority: 1, weight: 2, port: 53, target: "a.b" }, "1 2 53 a.b"],
		["TXT", ['say "hi"', "\x1b[2J"], String.raw`"say \"hi\"" "\027[2J"`],
		["CAA", { flags: 0, tag: "issue", value: "ca.example" }, '0 issue "ca.example"'],
		[
			"SOA",
			{ mname: "m.x", rname: "r.x", serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 },
			"m.x r.x 1 2 3 4 5",
		],
	] as const)
		test(type, () => {
			const message = readWhole(answer([{ type, name: "x", ttl: 1, data }]), false);
			expect(message?.answers).toEqual([{ name: "x", type, ttl: 1, data: text }]);
		});

	for (const [number, data, type, text] of [
		[65, [0, 1, 0], "HTTPS", String.raw`\# 3 000100`],
		[65280, [], "TYPE65280", String.raw`\# 0`],
	] as const)
		test(`${type}, which has no form here`, () => {
			const message = readWhole(withData(number, data), false);
			expect(message?.answers).toEqual([{ name: "a", type, ttl: 9, data: text }]);
		});
});

describe("response codes", () => {
	for (const [flags, name] of [
		[0, "NOERROR"],
		[2, "SERVFAIL"],
		[3, "NXDOMAIN"],
		[5, "REFUSED"],
		[15, "RCODE_15"],
	] as const)
		test(name, () => {
			const bytes = answer([], { flags });
			expect(readWhole(bytes, false)?.responseCode).toBe(name);
		});

	test("of EDNS", () => {
		const extended = { type: "OPT", name: ".", udpPayloadSize: 4096, extendedRcode: 1 };
		const bytes = answer([], {
			additionals: [{ ...extended, ednsVersion: 0, flags: 0, options: [] }],
		});
		expect(readWhole(bytes, false)?.responseCode).toBe("BADVERS");
	});
});

describe("names", () => {
	for (const [what, name, text] of [
		["the root", [0], "."],
		["what is not printable", [3, 0x1b, 0x20, 0xff, 0], String.raw`\027\032\255`],
		["a dot and a backslash within a label", [3, 0x2e, 0x5c, 0x41, 0], String.raw`\.\\a`],
	] as const)
		test(what, () => {
			expect(readWhole(asking(...name), false)?.questionName).toBe(text);
		});

	for (const [what, name] of [
		["a pointer to itself", [0xc0, 12]],
		["a pointer that leads on", [0xc0, 14]],
		["a label that is longer than the message", [63, 0x61]],
		["a label of an unknown kind", [0x40, 0]],
		[
			"more than 255 bytes",
			[
				...Array(5)
					.fill([63, ...Array(63).fill(0x61)])
					.flat(),
				0,
			],
		],
	] as const)
		test(`${what} is malformed`, () => {
			expect(readWhole(asking(...name), false)).toBeNull();
		});
});

describe("records that cannot be read", () => {
	const whole = answer([
		{ type: "A", name: "a", ttl: 1, data: "192.0.2.1" },
		{ type: "A", name: "b", ttl: 1, data: "192.0.2.2" },
	]);

	test("leave those before them, and are told", () => {
		const message = readWhole(whole.subarray(0, -3), false);
		expect(message).toMatchObject({ answerCount: 2, isBroken: true });
		expect(message?.answers).toHaveLength(1);
	});

	test("are no wonder where the packet was cut, or the server says so", () => {
		expect(readWhole(whole.subarray(0, -3), true)).toMatchObject({ isBroken: false });
		const truncated = Buffer.from(whole.subarray(0, -3));
		truncated[2] = (truncated[2] ?? 0) | 2;
		const message = readWhole(truncated, false);
		expect(message).toMatchObject({ isTruncated: true, isBroken: false });
	});

	for (const [what, type, data] of [
		["an address of three bytes", 1, [1, 2, 3]],
		["an address of six bytes", 28, [1, 2, 3, 4, 5, 6]],
		["text that ends behind its record", 16, [9, 0x61]],
		["a name that ends behind its record", 5, [5, 0x61]],
	] as const)
		test(what, () => {
			const message = readWhole(withData(type, data), false);
			expect(message).toMatchObject({ answers: [], answerCount: 1, isBroken: true });
		});
});

test("of very many answers the first are kept, and all are counted", () => {
	const data = "192.0.2.1";
	const many = Array.from({ length: 500 }, () => ({ type: "A", name: "a", ttl: 1, data }));
	const message = readWhole(answer(many), false);
	expect(message).toMatchObject({ answerCount: 500, isBroken: false });
	expect(message?.answers).toHaveLength(64);
});

describe("bytes from anybody never throw, and what comes of them has a bound", () => {
	const check = (bytes: Uint8Array): void => {
		const message = readWhole(bytes, bytes.length % 2 === 0);
		if (message === null) return;
		expect(message.answers.length).toBeLessThanOrEqual(64);
		// A byte is four characters at most, and a name has 255.
		expect(JSON.stringify(message).length).toBeLessThan(400 + 8 * bytes.length + 64 * 4400);
		expect(message.questionName ?? "").toMatch(/^[!-~]*$/);
	};

	test("random ones", () => {
		fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), check), { numRuns: 2000 });
	});

	test("those of a message with some changed", () => {
		const bytes = answer([
			{ type: "CNAME", name: "www.example.com", ttl: 60, data: "web.example.net" },
			{ type: "TXT", name: "web.example.net", ttl: 5, data: ["a", "b"] },
			{ type: "MX", name: "x", ttl: 5, data: { preference: 1, exchange: "web.example.net" } },
			{ type: "CAA", name: "x", ttl: 5, data: { flags: 0, tag: "issue", value: "x" } },
			{
				type: "DS",
				name: "x",
				ttl: 5,
				data: { keyTag: 1, algorithm: 1, digestType: 1, digest: Buffer.from("a") },
			},
		]);
		const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }));
		const changes = fc.array(change, { minLength: 1, maxLength: 8 });
		fc.assert(
			fc.property(changes, fc.nat(bytes.length), (made, length) => {
				const changed = Uint8Array.from(bytes);
				for (const [at, value] of made) changed[at] = value;
				check(changed.subarray(0, length));
				check(changed);
			}),
			{ numRuns: 3000 },
		);
	});
});

describe("names that pointers make long", () => {
	/** One question, and as many answers as 1472 bytes have room for; names by `pointer`, which is given the number of the name. */
	function packed(pointer: (name: number) => number): Uint8Array {
		const labels = Array(126).fill([1, 0x61]).flat();
		const bytes = [0, 1, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1];
		let count = 0;
		for (; bytes.length + 14 <= 1472; count++) {
			const [owner, data] = [pointer(2 * count), pointer(2 * count + 1)];
			bytes.push(0xc0, owner, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, data);
		}
		return Uint8Array.from(bytes.with(7, count));
	}

	test("are the same text for each pointer to them", () => {
		const name = "a.".repeat(126).slice(0, -1);
		const message = readWhole(
			packed(() => 12),
			false,
		);
		expect(message).toMatchObject({ isBroken: false, answerCount: 85 });
		expect(message?.answers).toEqual(Array(64).fill({ name, type: "CNAME", ttl: 60, data: name }));
	});

	test("are read as far as all of them together have a bound; the rest is told", () => {
		const message = readWhole(
			packed((name) => 12 + 2 * name),
			false,
		);
		expect(message).toMatchObject({ isBroken: true, answerCount: 85 });
		const read = message?.answers ?? [];
		const bytes = read.reduce((sum, { name, data }) => sum + name.length + data.length, 0);
		expect(read.length).toBeGreaterThan(0);
		expect(bytes).toBeLessThanOrEqual(8192);
	});
});

test("a name in a record that is not kept is not read", () => {
	const pointers = Array.from({ length: 100 }, () => ({
		type: "A",
		name: "x",
		ttl: 1,
		data: "192.0.2.1",
	}));
	const bytes = answer(pointers);
	// The name of the 65th answer leads on, which makes a name malformed.
	const first = bytes.length - 100 * 17;
	bytes.set([0xc0, 0xff], first + 64 * 17 + 1);
	expect(bytes.length).toBe(first + 1700);
	const message = readWhole(bytes, false);
	expect(message?.answers).toHaveLength(64);
});
