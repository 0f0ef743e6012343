import { describe, expect, test } from "bun:test";
import { type AccountingSource, accountingOf } from "../../src/cmd/accounting.ts";
import { parseCommandLine } from "../../src/cmd/command-line.ts";
import { resolve } from "../../src/cmd/settings.ts";
import type { FilterSubject } from "../../src/flow/filter.ts";
import { DEFAULT_RATE } from "../../src/flow/rate-curve.ts";
import type { AccountingRecord } from "../../src/flow/records.ts";
import type { AccountingTracerOptions } from "../../src/trace/accounting-tracer.ts";
import { account } from "../sink/accounting-fixtures.ts";
import { GAP, MemoryOutput, SUMMARY } from "../sink/fixtures.ts";
import { jsonLines, run } from "./harness.ts";

interface Played {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
	readonly options: AccountingTracerOptions | null;
	/** Rights that it asked to keep. */
	readonly kept: readonly string[];
}

/** Runs `accounting` with records that are made up, two of each batch. */
async function play(
	words: readonly string[],
	records: readonly AccountingRecord[] = [],
	{ lost = 0, warnings = [] as readonly string[] } = {},
): Promise<Played> {
	let options: AccountingTracerOptions | null = null;
	let kept: readonly string[] = [];
	const source: AccountingSource = {
		ready: {
			...{ type: "ready", time: SUMMARY.time, version: "1", kernel: "6.1", libbpf: null },
			...{ hooks: {}, programs: [], open_connections: 0 },
		},
		warnings,
		async *batches() {
			for (let at = 0; at < records.length; at += 2)
				yield { records: records.slice(at, at + 2), gaps: [] };
			if (lost > 0) yield { records: [], gaps: [{ ...GAP, stage: "queue", count: lost }] };
		},
		summary: () => ({ ...SUMMARY, lost: { ...SUMMARY.lost, queue: lost } }),
		[Symbol.dispose]() {},
	};
	const command = accountingOf((given) => {
		options = given;
		return Promise.resolve(source);
	});
	const line = parseCommandLine(["accounting", ...words], [command]);
	if (line.mistake !== null) throw line.mistake;
	const [stdout, stderr] = [new MemoryOutput(false), new MemoryOutput(false)];
	const opensNothing = () => {
		throw new Error("accounting opens no BPF tracer");
	};
	const context = {
		...{ stdout, stderr, env: {}, signal: new AbortController().signal, version: "1.2.3" },
		...{ openFlowTracer: opensNothing, openEventTracer: opensNothing },
		giveUpRights: (needed: readonly string[] = []) => {
			kept = needed;
		},
	};
	const code = await command.handler(resolve(command.options, [line.layer]), context, []);
	return { code, stdout: stdout.text, stderr: stderr.text, options, kept };
}

test("without options it accounts for everything", async () => {
	const { code, options, kept } = await play([]);
	expect(code).toBe(0);
	expect(options).toEqual({
		...{ rate: DEFAULT_RATE, maxFlows: 262_144, bufferBytes: null, version: "1.2.3" },
		...{ filter: { netns: [], family: null, transport: null, ports: null }, whose: null },
		...{ sysctls: false, hooks: "auto", btfPath: null, libbpfPath: null },
	});
	expect(kept).toEqual(["CAP_NET_ADMIN"]);
});

describe("--rate", () => {
	for (const [text, points] of [
		[
			"0=1s,1m=10s",
			[
				[0, 1000],
				[60_000, 10_000],
			],
		],
		["5s=250ms", [[5000, 250]]],
	] as const)
		test(text, async () => {
			const { options } = await play(["--rate", text]);
			expect(options?.rate).toEqual(points.map(([ageMs, intervalMs]) => ({ ageMs, intervalMs })));
		});

	for (const [text, why] of [
		["1s", "an age with its interval"],
		["0=1s=2s", "an age with its interval"],
		["0=0", "out of range"],
		["1m=1s,0=2s", "do not rise"],
		["1m=1s,1m=2s", "do not rise"],
		["x=1s", "not a duration"],
		["0=1s,,", "is empty"],
	] as const)
		test(`${text} is refused: ${why}`, async () => {
			const { code, stderr } = await run(["accounting", "--rate", text]);
			expect(code).toBe(2);
			expect(stderr).toContain(why);
			expect(stderr.trimEnd().split("\n")).toHaveLength(1);
		});
});

describe("which flows", () => {
	test("all of the options", async () => {
		const words = ["--transport", "ICMP", "-6", "--netns", "4026531840", "--port", "53"];
		const { options } = await play(words);
		expect(options?.filter).toMatchObject({
			...{ netns: [4026531840], family: "ipv6", transport: "icmp" },
			ports: { wanted: expect.any(Uint8Array) },
		});
	});

	test("and whose", async () => {
		const words = ["--process", "nginx", "--pid", "7,8", "--uid", "33"];
		const { options } = await play(words);
		const subject = { pid: 8, uid: 33, process: "nginx" } as FilterSubject;
		expect(options?.whose?.matches(subject)).toBe(true);
		for (const other of [{ pid: 9 }, { uid: 0 }, { process: "curl" }])
			expect(options?.whose?.matches({ ...subject, ...other })).toBe(false);
	});

	test("by which hooks", async () => {
		const { options } = await play(["--hooks", "kprobe", "--buffer", "1m"]);
		expect(options).toMatchObject({ hooks: "kprobe", bufferBytes: 2 ** 20 });
	});

	for (const [text, name] of [
		["132", "sctp"],
		["253", "253"],
		["GRE", "gre"],
	] as const)
		test(`--transport ${text} is ${name}`, async () => {
			expect((await play(["--transport", text])).options?.filter?.transport).toBe(name);
		});

	for (const [words, reason] of [
		["--local 10.0.0.1", "--port is of either end"],
		["--sort bytes", "as they happen"],
		["--transport 256", "write one of icmp"],
	] as const)
		test(`${words} is refused, with the reason`, async () => {
			const { code, stderr } = await run(["accounting", ...words.split(" ")]);
			expect(code).toBe(2);
			expect(stderr).toContain(reason);
		});
});

test("-n ends it after so many records, in the middle of a batch too", async () => {
	const { stdout } = await play(
		["--json", "-n", "3"],
		[1, 2, 3, 4, 5].map(() => account()),
	);
	expect(jsonLines(stdout).map(({ type }) => type)).toEqual([
		"ready",
		...Array(3).fill("accounting"),
	]);
});

test("what is lost is a gap, and with --strict exit code 6", async () => {
	const { code, stdout } = await play(["--json", "--strict"], [account()], { lost: 7 });
	expect(code).toBe(6);
	expect(jsonLines(stdout).at(-1)).toMatchObject({ type: "gap", stage: "queue", count: 7 });
	expect((await play(["--json"], [], { lost: 7 })).code).toBe(0);
});

test("what will be missing is said on standard error", async () => {
	const { stderr } = await play(["--json"], [], { warnings: ["nothing is counted"] });
	expect(stderr).toBe("conntracer: nothing is counted\n");
});
