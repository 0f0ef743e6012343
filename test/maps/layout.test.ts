import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { DecodeError } from "../../src/errors.ts";
import { STRUCTS } from "../../src/maps/all-structs.ts";
import { readBtf } from "../../src/maps/btf.ts";
import { struct, u32, u64 } from "../../src/maps/codec.ts";
import { ENUMS } from "../../src/maps/enums.ts";
import { layoutProblems } from "../../src/maps/layout.ts";

const layoutObject = (): Uint8Array => readFileSync(`${import.meta.dir}/../../build/layout.bpf.o`);

describe("the C header and the codecs", () => {
	const btf = readBtf(layoutObject());

	test("agree on every struct and enum", () => {
		expect(layoutProblems(btf)).toEqual([]);
	});

	test("leave nothing that is declared without a codec", () => {
		expect([...btf.declared].sort()).toEqual(
			[...STRUCTS.map((codec) => codec.name), ...Object.keys(ENUMS)].sort(),
		);
	});

	const owner = STRUCTS.find((codec) => codec.name === "netns_counts");
	const others = STRUCTS.filter((codec) => codec !== owner);
	test.each([
		["a field that is missing", { active_opens: u64, passive_opens: u64, attempt_fails: u64 }],
		[
			"fields in another order",
			{ passive_opens: u64, active_opens: u64, attempt_fails: u64, estab_resets: u64 },
		],
		[
			"another type",
			{ active_opens: u32, pad: u32, passive_opens: u64, attempt_fails: u64, estab_resets: u64 },
		],
		["another name", { active_opens: u64, passive_opens: u64, attempt_fails: u64, resets: u64 }],
	])("are found to differ by %s", (_, fields) => {
		const wrong = struct("netns_counts", fields as { [name: string]: typeof u64 });
		const problems = layoutProblems(btf, [...others, wrong]);
		expect(problems.length).toBeGreaterThan(0);
		for (const problem of problems) expect(problem).toContain("netns_counts");
	});

	test("are found to differ by the value of an enum member, or a member too many", () => {
		const direction = { ...ENUMS["direction"], DIRECTION_ACTIVE: 7, DIRECTION_LATERAL: 9 };
		expect(layoutProblems(btf, STRUCTS, { ...ENUMS, direction })).toEqual([
			"enum direction/DIRECTION_ACTIVE: 1 in C, 7 here",
			"enum direction/DIRECTION_LATERAL: undefined in C, 9 here",
		]);
	});

	test("are found to differ by a struct on one side only", () => {
		const { slot: _, ...enums } = ENUMS;
		const stranger = struct("stranger", { word: u32 });
		expect(layoutProblems(btf, [...STRUCTS, stranger], enums)).toEqual([
			"struct stranger: not declared in layout.bpf.c",
			"slot: declared in layout.bpf.c, but has no codec",
		]);
	});
});

test("a file without BTF is refused", () => {
	expect(() => readBtf(new TextEncoder().encode("no object"))).toThrow("not an ELF file");
	expect(() => readBtf(readFileSync(process.execPath).subarray(0, 10))).toThrow("not an ELF file");
});

describe("a file that is not what it should be", () => {
	const whole = new Uint8Array(layoutObject());
	/** Where its types are: most of a file is code, which nobody reads here. */
	const section = (() => {
		// Magic number and size of struct btf_header; that of .BTF.ext has another size.
		const at = Buffer.from(whole).indexOf(Uint8Array.of(0x9f, 0xeb, 1, 0, 24, 0, 0, 0));
		const view = new DataView(whole.buffer, whole.byteOffset + at);
		return { at, length: 24 + view.getUint32(16, true) + view.getUint32(20, true) };
	})();

	/** A value, or a DecodeError; and so with what is made of it. */
	function survives(file: Uint8Array): boolean {
		try {
			layoutProblems(readBtf(file));
			return true;
		} catch (error) {
			if (!(error instanceof DecodeError)) throw error;
			return false;
		}
	}

	test("is read or refused, whichever bytes of its types are others", () => {
		let read = 0;
		const change = fc.tuple(fc.nat(section.length - 1), fc.nat(255));
		fc.assert(
			fc.property(fc.array(change, { minLength: 1, maxLength: 20 }), (changes) => {
				const file = whole.slice();
				for (const [at, value] of changes) file[section.at + at] = value;
				if (survives(file)) read++;
			}),
			{ numRuns: 500 },
		);
		expect(read).toBeGreaterThan(0);
	});

	test("is read or refused, whichever bytes of its headers are others, and wherever it ends", () => {
		const headers = new DataView(whole.buffer, whole.byteOffset);
		const table = Number(headers.getBigUint64(40, true));
		const inHeaders = fc.oneof(
			fc.nat(63),
			fc.nat(whole.length - table - 1).map((at) => table + at),
			fc.nat(23).map((at) => section.at + at),
		);
		const change = fc.tuple(inHeaders, fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0xff)));
		fc.assert(
			fc.property(
				fc.array(change, { maxLength: 6 }),
				fc.oneof(fc.constant(whole.length), fc.nat(whole.length)),
				(changes, length) => {
					const file = whole.slice(0, length);
					for (const [at, value] of changes) if (at < length) file[at] = value;
					survives(file);
				},
			),
			{ numRuns: 500 },
		);
	});

	const TYPEDEF = [8 << 24, 1] as const;
	const CONST = [10 << 24, 1] as const;
	/** Of itself, by itself, one. */
	const ARRAY = [3 << 24, 0, 1, 1, 1] as const;

	for (const [name, first] of [
		["typedefs", TYPEDEF],
		["consts", CONST],
		["arrays", ARRAY],
	] as const)
		test(`is refused where ${name} are made of themselves`, () => {
			const file = whole.slice();
			const view = new DataView(file.buffer, section.at);
			// Type 1, a struct with a member of it, and a variable of that, each with the empty name.
			const types = [
				[0, ...first],
				[0, (4 << 24) | 1, 8, 0, 1, 0],
				[0, 14 << 24, 2, 0],
			].flat();
			for (const [index, word] of types.entries()) view.setUint32(24 + index * 4, word, true);
			view.setUint32(12, types.length * 4, true);
			expect(() => readBtf(file)).toThrow(new DecodeError(".BTF: type 1 is made of itself"));
		});
});
