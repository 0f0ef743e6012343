import { describe, expect, test } from "bun:test";
import { parseCommandLine } from "../../src/cmd/command-line.ts";
import { dnsOf } from "../../src/cmd/dns.ts";
import type { RecordSource } from "../../src/cmd/record-run.ts";
import { resolve } from "../../src/cmd/settings.ts";
import type { DnsRecord } from "../../src/flow/dns-records.ts";
import type { DnsTracerOptions } from "../../src/trace/dns-tracer.ts";
import { question } from "../sink/dns-fixtures.ts";
import { GAP, MemoryOutput, SUMMARY } from "../sink/fixtures.ts";
import { jsonLines, run } from "./harness.ts";

interface Played {
	readonly code: number;
	readonly stdout: string;
	readonly options: DnsTracerOptions | null;
	/** Rights that it asked to keep. */
	readonly kept: readonly string[];
}

/** Runs `dns` with records that are made up, two of each batch. */
async function play(
	words: readonly string[],
	records: readonly DnsRecord[] = [],
	{ lost = 0 } = {},
): Promise<Played> {
	let options: DnsTracerOptions | null = null;
	let kept: readonly string[] = [];
	const source: RecordSource<DnsRecord> = {
		ready: {
			...{ type: "ready", time: SUMMARY.time, version: "1", kernel: "6.1", libbpf: null },
			...{ hooks: {}, programs: [], open_connections: 0 },
		},
		async *batches() {
			for (let at = 0; at < records.length; at += 2)
				yield { records: records.slice(at, at + 2), gaps: [] };
			if (lost > 0) yield { records: [], gaps: [{ ...GAP, stage: "queue", count: lost }] };
		},
		summary: () => ({ ...SUMMARY, lost: { ...SUMMARY.lost, queue: lost } }),
		[Symbol.dispose]() {},
	};
	const command = dnsOf((given) => {
		options = given;
		return Promise.resolve(source);
	});
	const line = parseCommandLine(["dns", ...words], [command]);
	if (line.mistake !== null) throw line.mistake;
	const [stdout, stderr] = [new MemoryOutput(false), new MemoryOutput(false)];
	const opensNothing = () => {
		throw new Error("dns opens no BPF tracer");
	};
	const context = {
		...{ stdout, stderr, env: {}, signal: new AbortController().signal, version: "1.2.3" },
		...{ openFlowTracer: opensNothing, openEventTracer: opensNothing },
		giveUpRights: (needed: readonly string[] = []) => {
			kept = needed;
		},
	};
	const code = await command.handler(resolve(command.options, [line.layer]), context, []);
	return { code, stdout: stdout.text, options, kept };
}

test("without options it shows everything at port 53", async () => {
	const { code, options, kept } = await play([]);
	expect(code).toBe(0);
	expect(options).toEqual({
		...{ ports: [{ first: 53, last: 53 }], family: null, transport: null, netns: [], whose: null },
		...{ isFailedOnly: false, timeoutMs: 5000, maxQuestions: 65_536, bufferBytes: 4 * 2 ** 20 },
		...{ hooks: "auto", btfPath: null, libbpfPath: null, version: "1.2.3" },
	});
	expect(kept).toEqual(["CAP_NET_RAW"]);
});

test("all of the options", async () => {
	const words =
		"--transport tcp -6 --netns 4026531840 --failed --timeout 250ms --max-questions 10 --buffer 1m --hooks kprobe";
	const { options } = await play(words.split(" "));
	expect(options).toMatchObject({
		...{ transport: "tcp", family: "ipv6", netns: [4026531840], isFailedOnly: true },
		...{ timeoutMs: 250, maxQuestions: 10, bufferBytes: 2 ** 20, hooks: "kprobe" },
	});
});

test("whose", async () => {
	const { options } = await play(["--process", "curl", "--pid", "7,8"]);
	expect(options?.whose).toMatchObject({ processes: ["curl"], pids: [7, 8] });
});

describe("--port", () => {
	for (const [words, spans] of [
		[["53,5353"], [53, 53, 5353, 5353]],
		[
			["8050-8060,8055-8070", "9000"],
			[8050, 8070, 9000, 9000],
		],
		[["50-60,!53"], [50, 52, 54, 60]],
		[["!1-65534"], [65_535, 65_535]],
	] as const)
		test(words.join(" and "), async () => {
			const { options } = await play(words.flatMap((text) => ["--port", text]));
			expect(options?.ports.flatMap(({ first, last }) => [first, last])).toEqual([...spans]);
		});

	const odd = Array.from({ length: 33 }, (_, index) => 2 * index + 1).join(",");
	for (const [text, why] of [
		["0", "out of range"],
		["dns", "not a port"],
		["53,!53", "leaves no port"],
		[odd, "has 33 spans of ports"],
	] as const)
		test(`${text.slice(0, 10)} is refused: ${why}`, async () => {
			const { code, stderr } = await run(["dns", "--port", text]);
			expect(code).toBe(2);
			expect(stderr).toContain(why);
			expect(stderr.trimEnd().split("\n")).toHaveLength(1);
		});
});

for (const [words, reason] of [
	["--local 10.0.0.1", "--port is of either end"],
	["--sort time", "as they happen"],
	["--transport icmp", "--transport"],
	["--timeout 0", "out of range"],
	["--buffer 5000", "power of two"],
] as const)
	test(`${words} is refused, with the reason`, async () => {
		const { code, stderr } = await run(["dns", ...words.split(" ")]);
		expect(code).toBe(2);
		expect(stderr).toContain(reason);
	});

test("-n ends it after so many records, in the middle of a batch too", async () => {
	const records = [1, 2, 3, 4, 5].map((id) => question({ id }));
	const { stdout } = await play(["--json", "-n", "3"], records);
	expect(jsonLines(stdout).map(({ type, id }) => [type, id])).toEqual([
		...[["ready", undefined]],
		...[1, 2, 3].map((id) => ["dns", id]),
	]);
});

test("what is lost is a gap, and with --strict exit code 6", async () => {
	const { code, stdout } = await play(["--json", "--strict"], [question()], { lost: 7 });
	expect(code).toBe(6);
	expect(jsonLines(stdout).at(-1)).toMatchObject({ type: "gap", stage: "queue", count: 7 });
	expect((await play(["--json"], [], { lost: 7 })).code).toBe(0);
});
