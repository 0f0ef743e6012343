import { describe, expect, test } from "bun:test";
import { capabilitiesIn } from "../../src/enrich/capabilities.ts";
import { sysctl } from "../../src/enrich/procfs.ts";
import { chosenOf } from "../../src/enrich/sysfs.ts";
import { missingRights } from "../../src/trace/rights.ts";

describe("a mask of capabilities", () => {
	for (const [mask, names] of [
		["0000000000000000", []],
		["0000008000000000", ["CAP_BPF"]],
		["000000c000001000", ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]],
		["0000000000280000", ["CAP_SYS_PTRACE", "CAP_SYS_ADMIN"]],
		[
			"000001ffffffffff",
			[
				...[
					"CAP_BPF",
					"CAP_PERFMON",
					"CAP_NET_ADMIN",
					"CAP_NET_RAW",
					"CAP_SYS_PTRACE",
					"CAP_SYS_ADMIN",
				],
				"CAP_SYS_RESOURCE",
			],
		],
	] as const)
		test(`${mask} is ${names.length === 0 ? "none" : names.join(", ")}`, () => {
			expect([...capabilitiesIn(mask)] as string[]).toEqual([...names]);
		});
});

describe("of what is needed", () => {
	const needed = ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"] as const;

	test("exactly what is not held is missing", () => {
		expect(missingRights(needed, new Set(["CAP_PERFMON"]))).toEqual(["CAP_BPF", "CAP_NET_ADMIN"]);
	});

	test("CAP_SYS_ADMIN stands for all that BPF asks for, and for nothing else", () => {
		expect(missingRights(needed, new Set(["CAP_SYS_ADMIN"]))).toEqual([]);
		expect(missingRights(["CAP_SYS_PTRACE"], new Set(["CAP_SYS_ADMIN"]))).toEqual([
			"CAP_SYS_PTRACE",
		]);
	});
});

describe("the mode of lockdown", () => {
	for (const [text, mode] of [
		["[none] integrity confidentiality\n", "none"],
		["none [integrity] confidentiality\n", "integrity"],
		["", null],
	] as const)
		test(`${JSON.stringify(text)} is ${mode}`, () => expect(chosenOf(text)).toBe(mode));
});

test("a sysctl that does not exist, or is no number, is not known", () => {
	expect(sysctl("kernel.no_such_thing")).toBeNull();
	expect(sysctl("kernel.osrelease")).toBeNull();
	expect(sysctl("kernel.pid_max")).toBeGreaterThan(0);
});
