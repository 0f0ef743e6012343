import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { DecodeError } from "../../src/errors.ts";
import { STRUCTS } from "../../src/maps/all-structs.ts";
import { bytes, id64, readU64, struct, u8, u16, u32, u64 } from "../../src/maps/codec.ts";

const point = struct("point", {
	wide: u64,
	id: id64,
	word: u32,
	half: u16,
	byte: u8,
	tail: bytes(1),
});

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(" ", ""));

describe("a struct codec", () => {
	const cases: [string, Parameters<typeof point.encode>[0]][] = [
		[
			"0000000000000000 0000000000000000 00000000 0000 00 00",
			{ wide: 0, id: 0n, word: 0, half: 0, byte: 0, tail: hex("00") },
		],
		[
			"0102030405060700 efcdab8967452301 78563412 3412 7f ee",
			{
				wide: 0x07060504030201,
				id: 0x0123456789abcdefn,
				word: 0x12345678,
				half: 0x1234,
				byte: 0x7f,
				tail: hex("ee"),
			},
		],
		[
			"ffffffffffff1f00 ffffffffffffffff ffffffff ffff ff ff",
			{
				wide: Number.MAX_SAFE_INTEGER,
				id: 0xffffffffffffffffn,
				word: 0xffffffff,
				half: 0xffff,
				byte: 0xff,
				tail: hex("ff"),
			},
		],
	];
	test.each(cases)("reads and writes %s", (text, value) => {
		expect(point.decode(hex(text))).toEqual(value);
		expect(point.encode(value)).toEqual(hex(text));
	});

	const zero = point.zero();
	test.each([
		["word", { ...zero, word: 2 ** 32 }],
		["word", { ...zero, word: -1 }],
		["half", { ...zero, half: 65536 }],
		["byte", { ...zero, byte: 0.5 }],
		["wide", { ...zero, wide: 2 ** 53 }],
		["id", { ...zero, id: 1n << 64n }],
		["id", { ...zero, id: -1n }],
		["tail", { ...zero, tail: new Uint8Array(2) }],
	])("refuses a %s that does not fit, and names it", (field, value) => {
		expect(() => point.encode(value)).toThrow(new RegExp(`^point/${field}: `));
	});

	test.each([0, point.size - 1, point.size + 1])("refuses %d bytes", (length) => {
		expect(() => point.decode(new Uint8Array(length))).toThrow(DecodeError);
	});

	test("refuses a declaration with a hole, and one with a tail", () => {
		expect(() => struct("hole", { half: u16, word: u32 })).toThrow("hole/word: implicit padding");
		expect(() => struct("tail", { word: u32, byte: u8 })).toThrow("tail: implicit padding");
	});

	test("decodes into storage that is there already", () => {
		const storage = point.zero();
		const tail = storage.tail;
		const [text, value] = cases[1] as (typeof cases)[number];
		point.read(new DataView(hex(text).buffer), 0, storage);
		expect(storage).toEqual(value);
		expect(storage.tail).toBe(tail);
	});

	test("reads at an offset of a larger buffer", () => {
		const buffer = new Uint8Array(100);
		buffer.set(hex("00 0000 78563412"), 33);
		const word = struct("word", { word: u32 });
		expect(word.read(new DataView(buffer.buffer, 30), 6, word.zero())).toEqual({
			word: 0x12345678,
		});
	});
});

test("every shared struct survives the way to bytes and back", () => {
	for (const codec of STRUCTS) {
		const random = fc.uint8Array({ minLength: codec.size, maxLength: codec.size });
		fc.assert(
			fc.property(random, (from) => {
				// Counts are exact to 2^53 only, so the top 11 bits of each are left out.
				for (const field of codec.fields)
					if (field.shape.kind === "int" && field.shape.size === 8)
						from.fill(0, field.offset + 6, field.offset + 8);
				const decoded = codec.decode(from) as never;
				expect(codec.encode(decoded)).toEqual(from);
			}),
			{ verbose: true },
		);
	}
});

test("bytes of another length are refused by every shared struct", () => {
	fc.assert(
		fc.property(fc.constantFrom(...STRUCTS), fc.uint8Array({ maxLength: 2000 }), (codec, from) => {
			if (from.length === codec.size) return;
			expect(() => codec.decode(from)).toThrow(DecodeError);
		}),
		{ numRuns: 1000 },
	);
});

test("values of any kind are written whole, or refused", () => {
	const value = fc.oneof(
		fc.double(),
		fc.integer(),
		fc.bigInt(),
		fc.uint8Array({ maxLength: 20 }),
		fc.array(fc.double(), { maxLength: 20 }),
		fc.constantFrom(null, undefined, "1", {}, Number.NaN),
	);
	fc.assert(
		fc.property(
			fc.constantFrom(...STRUCTS),
			fc.array(fc.tuple(fc.nat(), value), { maxLength: 3 }),
			(codec, changes) => {
				const names = Object.keys(codec.offsets);
				const broken: Record<string, unknown> = { ...codec.zero() };
				for (const [at, wrong] of changes) broken[names[at % names.length] ?? ""] = wrong;
				try {
					expect(codec.encode(broken as never).length).toBe(codec.size);
				} catch (error) {
					if (!(error instanceof DecodeError)) throw error;
				}
			},
		),
		{ numRuns: 1000 },
	);
});

test("a u64 is read without a BigInt", () => {
	const view = new DataView(hex("ffffffff ffff1f00").buffer);
	expect(readU64(view, 0)).toBe(Number.MAX_SAFE_INTEGER);
});
