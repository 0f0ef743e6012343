import { describe, expect, test } from "bun:test";
import { PermissionError, UnsupportedError } from "../../src/errors.ts";
import type { Answer } from "../../src/flow/doctor.ts";
import { FEATURES, type Feature, type Way } from "../../src/trace/features.ts";
import { chooseWay, requireFamily } from "../../src/trace/hook-choice.ts";
import { FOR_TRACING, missingRights } from "../../src/trace/rights.ts";
import type { HookFamily } from "../../src/trace/session-options.ts";

const YES: Answer = { available: true, reason: null };
const NO: Answer = { available: false, reason: "not there" };

function featureNamed(name: string): Feature {
	const found = FEATURES.find((feature) => feature.name === name);
	if (found === undefined) throw new Error(`no feature ${name}`);
	return found;
}

const ACCEPT = featureNamed("accept");
const onlyTracepoints = ({ kind }: Way): Answer => (kind === "tracepoint" ? YES : NO);

describe("a feature", () => {
	test("goes the first way that is open", () => {
		const { way, tried } = chooseWay(ACCEPT, "auto", onlyTracepoints);
		expect(way?.kind).toBe("tracepoint");
		expect(tried.map(({ way: { kind }, reason }) => [kind, reason])).toEqual([
			["fentry", "not there"],
			["kprobe", "not there"],
			["tracepoint", null],
		]);
	});

	test("has none where none is open", () => {
		expect(chooseWay(ACCEPT, "auto", () => NO).way).toBeNull();
	});

	test("asks no further once it has one", () => {
		const asked: string[] = [];
		const answer = ({ kind }: Way): Answer => {
			asked.push(kind);
			return YES;
		};
		chooseWay(featureNamed("tcp_lifecycle"), "auto", answer);
		chooseWay(ACCEPT, "tracepoint", answer);
		expect(asked).toEqual(["tracepoint", "tracepoint"]);
	});

	test("asks for all where all are wanted, and chooses as before", () => {
		const { way, tried } = chooseWay(ACCEPT, "tracepoint", () => NO, { all: true });
		expect(way).toBeNull();
		expect(tried.length).toBe(3);
	});

	for (const family of ["fentry", "kprobe"] as const)
		test(`is not traced by another family where ${family} is asked for`, () => {
			expect(chooseWay(ACCEPT, family, onlyTracepoints).way).toBeNull();
		});

	test("that a family does not know keeps its own way", () => {
		const existing = featureNamed("existing_sockets");
		expect(chooseWay(existing, "fentry", () => YES).way?.kind).toBe("iterator");
	});
});

describe("--hooks", () => {
	const requiring = (family: HookFamily, answer: Answer) => () =>
		requireFamily(family, ["tcp", "udp"], () => answer);

	test("auto and tracepoint ask nothing", () => {
		const asked = () => {
			throw new Error("asked");
		};
		requireFamily("auto", ["tcp", "udp"], asked);
		requireFamily("tracepoint", ["tcp", "udp"], asked);
	});

	for (const family of ["fentry", "kprobe"] as const) {
		test(`${family} that is not there is an error with the reason`, () => {
			expect(requiring(family, NO)).toThrow(UnsupportedError);
			expect(requiring(family, NO)).toThrow(`--hooks ${family}: not there`);
		});

		test(`${family} is not asked for where nothing is traced that knows it`, () => {
			expect(() => requireFamily(family, [], () => NO)).not.toThrow();
		});
	}

	test("what could not be told for want of rights is a matter of rights", () => {
		const unknown = { available: null, reason: "EBUSY" };
		try {
			requireFamily("fentry", ["tcp"], () => unknown);
			expect.unreachable();
		} catch (error) {
			const isAble = missingRights(FOR_TRACING).length === 0;
			expect(error).toBeInstanceOf(isAble ? UnsupportedError : PermissionError);
		}
	});
});

test("every hook of every way has a probe", async () => {
	const source = await Bun.file(`${import.meta.dir}/../../bpf/probe.bpf.c`).text();
	const probes = [...source.matchAll(/^PROBE\((\w+), (\w+)\)$/gm)].map(([, a, b]) => `${a}/${b}`);
	const cgroups = [...source.matchAll(/^CGROUP_PROBE\((\w+)\)$/gm)].map(([, a]) => `cgroup/${a}`);
	const syscalls = [...source.matchAll(/^int (syscall)__(\w+)\(/gm)].map(([, a, b]) => `${a}/${b}`);
	const named = FEATURES.flatMap(({ ways }) => ways.flatMap(({ hooks }) => hooks));
	expect([...probes, ...cgroups, ...syscalls].sort()).toEqual([...new Set(named)].sort());
});
