import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { readBtf } from "../../src/maps/btf.ts";
import { struct, u32, u64 } from "../../src/maps/codec.ts";
import { ENUMS } from "../../src/maps/enums.ts";
import { layoutProblems } from "../../src/maps/layout.ts";
import { STRUCTS } from "../../src/maps/structs.ts";

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
