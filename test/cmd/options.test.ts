import { describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import type { FilterSubject } from "../../src/flow/filter.ts";
import { FILTER_SUBJECT, run } from "./harness.ts";

/** What the tracer is opened with for a command line that is right. */
async function opened(line: string) {
	const { code, stderr, opened } = await run(line === "" ? [] : line.split(" "));
	const [options] = opened;
	if (options === undefined) throw new Error(`exit code ${code}: ${stderr}`);
	return options;
}

test("watch is the command where none is named", async () => {
	expect(await opened("")).toMatchObject({
		intervalMs: 1000,
		aggregate: "process",
		filter: null,
		maxConnections: 65_536,
		maxFlows: 65_536,
		btfPath: null,
		libbpfPath: null,
		hooks: "auto",
		bpfStats: false,
		version: "1.2.3",
	});
});

describe("durations are numbers with a unit, or seconds", () => {
	for (const [text, ms] of [
		["250ms", 250],
		["2s", 2000],
		["1m", 60_000],
		["2h", 7_200_000],
		["3", 3000],
		["0.5", 500],
		[".5s", 500],
		["10ms", 10],
		["24h", 86_400_000],
	] as const) {
		test(text, async () => expect((await opened(`-i ${text}`)).intervalMs).toBe(ms));
	}
});

describe("sizes of tables are numbers with or without k, m", () => {
	for (const [text, size] of [
		["1", 1],
		["1000", 1000],
		["64k", 65_536],
		["1M", 1_048_576],
		["16m", 16_777_216],
	] as const) {
		test(text, async () => expect((await opened(`--max-flows ${text}`)).maxFlows).toBe(size));
	}
});

describe("an option may be written in every usual way", () => {
	const spellings = ["-i 2s", "-i2s", "-i=2s", "--interval 2s", "--interval=2s", "-vi2s", "-vi 2s"];
	for (const line of [...spellings, "-i 9s -i 2s", "watch -i 2s", "-i 2s watch", "--json -i2s"]) {
		test(line, async () => expect((await opened(line)).intervalMs).toBe(2000));
	}

	test("a flag does not take the word behind it", async () => {
		expect((await opened("--verbose watch")).bpfStats).toBe(true);
		expect((await opened("--verbose=false watch")).bpfStats).toBe(false);
	});
});

test("options of the kernel side reach the tracer", async () => {
	const line = "--hooks tracepoint --btf /dev/null --libbpf /x/libbpf.so --aggregate connection -v";
	expect(await opened(line)).toMatchObject({
		hooks: "tracepoint",
		btfPath: "/dev/null",
		libbpfPath: "/x/libbpf.so",
		aggregate: "connection",
		bpfStats: true,
	});
});

describe("filter options reach the filter", () => {
	const container = "0123456789abcdef".repeat(4);
	const netns = statSync("/proc/self/ns/net").ino;
	const subject: FilterSubject = {
		...FILTER_SUBJECT,
		...{ pid: 42, uid: 0, process: "curl", cgroup_id: "77", container_id: container, netns },
		...{ local_address: "10.0.0.1", local_port: 40_000, remote_port: 443 },
		...{ remote_address: "192.0.2.7", direction: "active", family: "ipv4" },
	};
	for (const [line, expected] of [
		["-p 41,42", true],
		["-p 41 -p 42", true],
		["-p 41", false],
		["--uid root", true],
		["--uid 0", true],
		["--uid 1000", false],
		["--process curl", true],
		["--process wget", false],
		["--process wget --process curl", true],
		["--cgroup 77", true],
		["--cgroup 78", false],
		["--container 0123456789AB", true],
		["--container fedcba987654", false],
		["--netns /proc/self/ns/net", true],
		[`--netns ${netns}`, true],
		["--netns 1", false],
		["--local 10.0.0.0/8", true],
		["--local !10.0.0.0/8", false],
		["--remote 192.0.2.7", true],
		["--remote 10.0.0.0/8", false],
		["--local-port 40000", true],
		["--local-port 443", false],
		["--remote-port 80,440-450", true],
		["--remote-port 40000", false],
		["--port 443", true],
		["--port 40000", true],
		["--port !443", false],
		["-4", true],
		["-6", false],
		["--family ipv6", false],
		["--ipv4", true],
		["--transport tcp", true],
		["--direction active", true],
		["--direction passive", false],
		["-p 42 --process wget", false],
	] as const) {
		test(`${line}: ${expected}`, async () => {
			expect((await opened(line)).filter?.matches(subject)).toBe(expected);
		});
	}
});
