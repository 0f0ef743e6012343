import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseBuffer } from "../../src/cmd/events-options.ts";
import { InvalidValue } from "../../src/cmd/option.ts";
import type { EventName } from "../../src/flow/records.ts";
import { runEvents } from "./events-harness.ts";
import { FILTER_SUBJECT } from "./harness.ts";

/** What the tracer is opened with for a command line that is right. */
async function opened(line: string, env: Readonly<Record<string, string>> = {}) {
	const { code, stderr, opened } = await runEvents(line === "" ? [] : line.split(" "), { env });
	if (opened === null) throw new Error(`exit code ${code}: ${stderr}`);
	return opened;
}

const DEFAULT: EventName[] = ["connect", "connect_failed", "accept", "close"];
const ALL: EventName[] = [
	...DEFAULT,
	...(["listen", "unlisten", "retransmit", "reset_sent", "reset_received"] as const),
];

test("events traces the four that every connection has, where nothing is said", async () => {
	expect(await opened("")).toMatchObject({
		events: DEFAULT,
		filter: null,
		maxConnections: 65_536,
		bufferBytes: 16_777_216,
		btfPath: null,
		libbpfPath: null,
		hooks: "auto",
		bpfStats: false,
		version: "1.2.3",
	});
});

describe("--events chooses what is asked of the kernel", () => {
	for (const [line, expected] of [
		["--events connect", ["connect"]],
		["--events accept,close", ["accept", "close"]],
		["--events close --events accept", ["close", "accept"]],
		["--events close,close", ["close"]],
		["--events all", ALL],
		["--events close,all", ["close", ...ALL.filter((name) => name !== "close")]],
		["--events listen,unlisten", ["listen", "unlisten"]],
		["--events retransmit --events reset_sent", ["retransmit", "reset_sent"]],
		["--failed", ["connect_failed", "close"]],
		["--failed --events accept,close", ["close"]],
	] as const) {
		test(line, async () => expect((await opened(line)).events).toEqual([...expected]));
	}

	test("also in the environment", async () => {
		expect((await opened("", { CONNTRACER_EVENTS: "accept" })).events).toEqual(["accept"]);
	});
});

describe("--buffer takes powers of two", () => {
	for (const [text, bytes] of [
		["4k", 4096],
		["4096", 4096],
		["64k", 65_536],
		["1M", 1_048_576],
		["256m", 268_435_456],
	] as const) {
		test(text, async () => expect((await opened(`--buffer ${text}`)).bufferBytes).toBe(bytes));
	}
});

test("options of the kernel side reach the tracer", async () => {
	const line = "--hooks tracepoint --btf /dev/null --libbpf /x/libbpf.so --max-connections 5 -v";
	expect(await opened(line)).toMatchObject({
		hooks: "tracepoint",
		btfPath: "/dev/null",
		libbpfPath: "/x/libbpf.so",
		maxConnections: 5,
		bpfStats: true,
	});
});

describe("on a machine with pages of 64 KiB", () => {
	const PAGE = 65_536;

	test("--buffer takes whole pages", () => {
		expect(parseBuffer("64k", PAGE)).toBe(65_536);
		expect(parseBuffer("4m", PAGE)).toBe(4_194_304);
	});

	for (const text of ["4k", "32k"])
		test(`--buffer ${text} is less than one`, () => {
			const parse = () => parseBuffer(text, PAGE);
			expect(parse).toThrow(InvalidValue);
			expect(parse).toThrow("is less than a page of this machine, 64k");
		});
});

describe("filter options reach the filter", () => {
	const subject = { ...FILTER_SUBJECT, pid: 42, process: "curl", remote_port: 443 };
	for (const [line, expected] of [
		["-p 41,42", true],
		["-p 41", false],
		["--process wget", false],
		["--remote-port 440-450", true],
		["--port !443", false],
		["-6", false],
	] as const) {
		test(`${line}: ${expected}`, async () => {
			expect((await opened(line)).filter?.matches(subject)).toBe(expected);
		});
	}
});

const CHOICES = [...ALL, "all"].join(", ");
const HELP = "(see conntracer events --help)";

describe("what is wrong is one line, and nothing is opened", () => {
	for (const [line, code, message] of [
		["--events resend", 2, `--events "resend" is unknown (choose from ${CHOICES})`],
		["--events reset_send", 2, '--events "reset_send" is unknown (did you mean reset_sent?)'],
		["--events conect", 2, '--events "conect" is unknown (did you mean connect?)'],
		["--events birth", 2, `--events "birth" is unknown (choose from ${CHOICES})`],
		["--events close,", 2, '--events "" is empty (write a value, or leave the option out)'],
		[
			"--failed --events connect,accept",
			2,
			"--failed leaves nothing of --events connect,accept (add one of connect_failed, close)",
		],
		["--buffer 5000", 2, '--buffer "5000" is not a power of two (write for example 4k or 8k)'],
		["--buffer 3m", 2, '--buffer "3m" is not a power of two (write for example 2m or 4m)'],
		["--buffer 2k", 2, '--buffer "2k" is out of range (write 4096 to 268435456)'],
		["--buffer 512m", 2, '--buffer "512m" is out of range (write 4096 to 268435456)'],
		["--buffer lots", 2, '--buffer "lots" is not a size (write for example 50000, 64k or 1m)'],
		["-n 0", 2, '--count "0" is out of range (write 1 to 2147483647)'],
		["-d never", 2, '--duration "never" is not a duration (write for example 250ms, 2s or 1m)'],
		[
			"--transport udp",
			2,
			"--transport udp: events are of TCP connections, UDP has none (watch, top and list show UDP)",
		],
		[
			"--sort pid",
			2,
			"--sort is not an option of conntracer events (events come in the order of time)",
		],
		["-i 2s", 2, `--interval is not an option of conntracer events ${HELP}`],
		["--max-flows 5", 2, `--max-flows is not an option of conntracer events ${HELP}`],
		["--aggregate process", 2, `--aggregate is not an option of conntracer events ${HELP}`],
	] as const) {
		test(`conntracer events ${line}`, async () => {
			const run = await runEvents(line.split(" "));
			expect(run.stderr).toBe(`conntracer: ${message}\n`);
			expect({ ...run, stderr: "" }).toEqual({ code, stdout: "", stderr: "", opened: null });
		});
	}

	test("a column that does not exist", async () => {
		const { code, stderr, opened } = await runEvents(["--columns", "time,nope"]);
		expect(stderr).toStartWith(
			'conntracer: --columns "nope": there is no such column (choose from ',
		);
		expect({ code, opened }).toEqual({ code: 2, opened: null });
	});
});

test("help is about events, and fits 80 columns", async () => {
	const golden = readFileSync(join(import.meta.dir, "golden", "events-help.txt"), "utf8");
	const { code, stdout, stderr } = await runEvents(["--help"]);
	expect(stdout).toBe(golden);
	expect(Math.max(...stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
	expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});
