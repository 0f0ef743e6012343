import { describe, expect, test } from "bun:test";
import type { DoctorRecord } from "../../src/flow/doctor.ts";
import { type DoctorFormat, writeDoctor } from "../../src/sink/doctor.ts";
import { parseCsv } from "../support/csv.ts";

const RECORD: DoctorRecord = {
	...{ type: "doctor", time: "2026-11-21T10:00:00.000000000Z", version: "1.2.3" },
	...{ kernel: "6.1.0", architecture: "x86_64", can_watch: true, error: null },
	commands: [
		{ command: "watch", can_run: true, error: null, does_without: [] },
		{ command: "events", can_run: true, error: null, does_without: ["ends that no hook sees"] },
		{ command: "dns", can_run: null, error: null, does_without: [] },
		{
			...{ command: "serve", can_run: false, does_without: [] },
			error: { code: "permission", message: "not permitted", hint: "be root" },
		},
	],
	...{ btf: "/sys/kernel/btf/vmlinux", lockdown: null, uid: 0, in_user_namespace: false },
	missing_processes: null,
	capabilities: { CAP_BPF: true, CAP_NET_ADMIN: false },
	sysctls: { perf_event_paranoid: 2, bpf_jit_enable: null },
	...{ libbpf: "1.1 (system)", cgroup2: null },
	features: [
		{
			...{ feature: "accept", hook: "tracepoint", less_exact: "it is a guess", remedy: null },
			ways: [
				{ hook: "fentry", available: false, reason: "refused" },
				{ hook: "kprobe", available: null, reason: "needs CAP_BPF" },
				{ hook: "tracepoint", available: true, reason: null },
			],
		},
		{
			...{ feature: "udp", hook: null, less_exact: null, remedy: "use another kernel" },
			ways: [{ hook: "tracepoint", available: false, reason: "not there" }],
		},
	],
	tables: [{ table: "conns", option: "--max-connections", entries: 9, memory_bytes: 4096 }],
	conntrack: { nf_conntrack_acct: null, nf_conntrack_timestamp: 1 },
};

function text(record: DoctorRecord, format: DoctorFormat["format"], color = false): string {
	let written = "";
	const output = {
		...{ isTerminal: false, columns: () => 80, rows: () => 24 },
		write: (part: string) => {
			written += part;
		},
	};
	writeDoctor(record, { format, color }, output);
	return written;
}

const lineWith = (found: string, record = RECORD): string =>
	text(record, "table")
		.split("\n")
		.find((line) => line.includes(found)) ?? "";

describe("the table", () => {
	test("has the chosen hook, and below it why not the others", () => {
		const lines = text(RECORD, "table").split("\n");
		const at = lines.findIndex((line) => line.startsWith("! accept"));
		expect(lines.slice(at, at + 5).map((line) => line.slice(2).trim().split(/ {2,}/))).toEqual([
			["accept", "tracepoint", "it is a guess"],
			["fentry", "no", "refused"],
			["kprobe", "not known", "needs CAP_BPF"],
			["udp", "none", "use another kernel"],
			["tracepoint", "no", "not there"],
		]);
	});

	test("shows what is not known as such", () => {
		expect(lineWith("bpf_jit_enable")).toMatch(/^ {2}bpf_jit_enable +-$/);
		expect(lineWith("nf_conntrack_acct")).toContain("the module is not loaded");
	});

	test("ends with whether each command can run, what it lacks, and why not", () => {
		const lines = text(RECORD, "table").trimEnd().split("\n").slice(-4);
		expect(lines.map((line) => line.replace(/ {2,}/g, "  "))).toEqual([
			"✓ conntracer watch  can run",
			"! conntracer events  can run  without ends that no hook sees",
			"! conntracer dns  not known",
			"✗ conntracer serve  cannot run  not permitted (be root)",
		]);
	});

	test("has colours only where they are wanted", () => {
		expect(text(RECORD, "table")).not.toContain("\x1b");
		expect(text(RECORD, "table", true)).toContain("\x1b[1mFEATURES\x1b[0m");
		expect(text(RECORD, "table", true)).toContain("\x1b[32m✓\x1b[0m conntracer watch");
	});
});

describe("hostile text", () => {
	const hostile = { ...RECORD, cgroup2: "/x\x1b[2J\n\u202ey", btf: "=cmd()\r" };

	for (const format of ["table", "json", "csv"] as const)
		test(`is harmless in ${format}`, () => {
			expect(text(hostile, format)).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e]/);
		});

	test("comes back from JSON as it was", () => {
		expect(JSON.parse(text(hostile, "json"))).toEqual(hostile);
		expect(text(hostile, "json").split("\n").length).toBe(2);
	});

	test("stays one line of a table, and one field of CSV", () => {
		expect(lineWith("cgroup v2", hostile)).toContain("/x\\x1b[2J\\n\\u202ey");
		const rows = parseCsv(text(hostile, "csv"));
		expect(rows.filter((row) => row.length !== 4)).toEqual([]);
		expect(rows.find(([, item]) => item === "cgroup v2")?.[2]).toBe("/x\\x1b[2J\\n\\u202ey");
	});
});
