import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCommandLine } from "../../src/cmd/command-line.ts";
import { type ConnectionSource, listOf } from "../../src/cmd/list.ts";
import { resolve } from "../../src/cmd/settings.ts";
import type { ConnectionRecord } from "../../src/flow/connection.ts";
import type { ConnectionListOptions } from "../../src/trace/connection-list.ts";
import { jsonLines, run } from "./harness.ts";

function connection(fields: Partial<ConnectionRecord> = {}): ConnectionRecord {
	return {
		...{ type: "connection", id: "1", transport: "tcp", family: "ipv4", direction: "active" },
		...{ state: "ESTABLISHED", local_address: "10.0.0.1", local_port: 40_000 },
		...{ remote_address: "10.0.0.2", remote_port: 443, pid: 50, tid: 51, process: "curl" },
		...{ executable: "/bin/curl", command_line: "curl a b", uid: 1000, netns: 7 },
		...{ cgroup_id: "77", container_id: null, attribution: "scan", opened: null },
		...{ preexisting: true, duration_ms: null, bytes_sent: 1500, bytes_received: 7 },
		...{ segments_sent: 11, segments_received: 12, segments_retransmitted: 1, rtt_us: 1200 },
		...{ rtt_var_us: 300, rtt_min_us: 900, connect_latency_us: null, nat: null },
		...{ remote_name: null, fd: 9, closing: false, holders: [] },
		...fields,
	};
}

const LISTENER = connection({
	...{ state: "LISTEN", direction: "passive", remote_address: null, remote_port: null },
	...{ local_address: "::", family: "ipv6", local_port: 80, rtt_us: null, bytes_sent: 0 },
});

interface Played {
	readonly stdout: string;
	readonly writes: number;
	readonly options: ConnectionListOptions | null;
}

/** Runs `list` with connections that are made up, on a terminal of so many columns or in a pipe. */
async function play(
	words: readonly string[],
	connections: Iterable<ConnectionRecord>,
	{ terminal = 0, signal = new AbortController().signal } = {},
): Promise<Played> {
	let options: ConnectionListOptions | null = null;
	const texts: string[] = [];
	const source: ConnectionSource = (given) => {
		options = given;
		return connections;
	};
	const output = {
		isTerminal: terminal > 0,
		write: (text: string) => void texts.push(text),
		columns: () => terminal,
		rows: () => 24,
	};
	const command = listOf(source);
	const line = parseCommandLine(["list", ...words], [command]);
	if (line.mistake !== null) throw line.mistake;
	const stderr = { ...output, write: (text: string) => expect(text).toBe("") };
	const openFlowTracer = () => {
		throw new Error("list opens no tracer");
	};
	const world = { env: {}, signal, version: "1", openFlowTracer, openEventTracer: openFlowTracer };
	const values = resolve(command.options, [line.layer]);
	expect(await command.handler(values, { ...world, stdout: output, stderr }, [])).toBe(0);
	return { stdout: texts.join(""), writes: texts.length, options };
}

test("JSON has every field, in the order of the contract, and nothing but records", async () => {
	const shared = { ...connection(), holders: [{ pid: 60, fd: 4 }] };
	const { stdout } = await play(["--json"], [shared, LISTENER]);
	expect(jsonLines(stdout)).toEqual([{ ...shared }, { ...LISTENER }]);
	expect(Object.keys(jsonLines(stdout)[0] ?? {})).toEqual([
		...["type", "id", "transport", "family", "direction", "state", "local_address", "local_port"],
		...["remote_address", "remote_port", "pid", "tid", "process", "executable", "command_line"],
		...["uid", "netns", "cgroup_id", "container_id", "attribution", "opened", "preexisting"],
		...["duration_ms", "bytes_sent", "bytes_received", "segments_sent", "segments_received"],
		...["segments_retransmitted", "rtt_us", "rtt_var_us", "rtt_min_us", "connect_latency_us"],
		...["nat", "remote_name", "fd", "closing", "holders"],
	]);
});

test("CSV has every field, and holders in one", async () => {
	const holders = [
		{ pid: 60, fd: 4 },
		{ pid: 61, fd: 4 },
	];
	const { stdout } = await play(["-o", "csv"], [connection({ holders })]);
	expect(stdout).toBe(
		[
			"id,transport,family,direction,state,local_address,local_port,remote_address,remote_port,pid,tid,process,executable,command_line,uid,netns,cgroup_id,container_id,attribution,opened,preexisting,duration_ms,bytes_sent,bytes_received,segments_sent,segments_received,segments_retransmitted,rtt_us,rtt_var_us,rtt_min_us,connect_latency_us,nat,remote_name,fd,closing,holders",
			"1,tcp,ipv4,active,ESTABLISHED,10.0.0.1,40000,10.0.0.2,443,50,51,curl,/bin/curl,curl a b,1000,7,77,,scan,,true,,1500,7,11,12,1,1200,300,900,,,,9,false,60:4;61:4",
			"",
		].join("\n"),
	);
});

test("a table in a pipe has one field a column, plain", async () => {
	const { stdout } = await play(
		["--columns", "state,process,local,remote,sent"],
		[connection({ process: "a b" }), LISTENER],
	);
	expect(stdout.split("\n").map((line) => line.split(/ +/))).toEqual([
		["STATE", "PROCESS", "LOCAL", "REMOTE", "SENT_BYTES"],
		["ESTABLISHED", "a\\x20b", "10.0.0.1:40000", "10.0.0.2:443", "1500"],
		["LISTEN", "curl", "[::]:80", "-", "0"],
		[""],
	]);
});

describe("of UDP, what the kernel does not count", () => {
	const counters = { bytes_sent: null, bytes_received: null, segments_retransmitted: null };
	const udp = connection({ transport: "udp", rtt_us: null, ...counters });
	const columns = ["--columns", "transport,sent,received,retrans,rtt"];
	for (const [where, words, expected] of [
		["JSON is null", ["--json"], '"bytes_sent":null,"bytes_received":null'],
		["CSV is empty", ["-o", "csv", ...columns], "\nudp,,,,\n"],
		["tables is -", columns, /\nudp +- +- +- +-\n/],
	] as const)
		test(`in ${where}`, async () => {
			const { stdout } = await play(words, [udp]);
			if (typeof expected === "string") expect(stdout).toContain(expected);
			else expect(stdout).toMatch(expected);
		});

	test("comes last where it is sorted by", async () => {
		const { stdout } = await play(["--json", "--sort", "sent"], [udp, connection()]);
		expect(jsonLines(stdout).map(({ transport }) => transport)).toEqual(["tcp", "udp"]);
	});
});

describe("a table on a terminal", () => {
	test("has units and arrows", async () => {
		const words = ["--columns", "process,dir,remote,sent,rtt", "--no-color"];
		const { stdout } = await play(words, [connection(), LISTENER], { terminal: 80 });
		expect(stdout).toBe(
			[
				"PROCESS DIR REMOTE       SENT   RTT",
				"curl    →   10.0.0.2:443 1.5k 1.2ms",
				"curl    ←   -               0     -",
				"",
			].join("\n"),
		);
	});

	test("fits the window, unless --wide", async () => {
		const widest = async (words: readonly string[]) => {
			const { stdout } = await play(words, [connection()], { terminal: 60 });
			return Math.max(...stdout.split("\n").map((line) => line.length));
		};
		expect(await widest(["--no-color"])).toBeLessThanOrEqual(60);
		expect(await widest(["--no-color", "--wide"])).toBeGreaterThan(60);
	});

	test("shows containers where there are any", async () => {
		const header = async (container_id: string | null) =>
			(await play(["--wide"], [connection({ container_id })], { terminal: 300 })).stdout;
		expect(await header(null)).not.toContain("CONTAINER");
		expect(await header("c0ffee")).toContain("CONTAINER");
	});

	test("keeps hostile names harmless", async () => {
		const hostile = connection({ process: "\x1b[2J\u202e", command_line: "a\nb" });
		const words = ["--no-color", "--columns", "process,command_line"];
		const { stdout } = await play(words, [hostile], { terminal: 80 });
		expect(stdout.split("\n")[1]).toBe("\\x1b[2J\\u202e a\\nb");
	});
});

describe("--sort", () => {
	const all = [
		connection({ bytes_sent: 5, process: "b" }),
		connection({ bytes_sent: 50, process: null }),
		connection({ bytes_sent: 7, process: "a" }),
	];
	for (const [field, expected] of [
		["sent", [50, 7, 5]],
		["process", [7, 5, 50]],
	] as const)
		test(`by ${field}`, async () => {
			const { stdout } = await play(["--json", "--sort", field], all);
			expect(jsonLines(stdout).map((record) => record["bytes_sent"])).toEqual([...expected]);
		});
});

test("a hundred thousand connections go out in few writes, and not all at once", async () => {
	function* many() {
		for (let i = 0; i < 100_000; i++) yield connection({ id: String(i) });
	}
	const { stdout, writes } = await play(["--json"], many());
	expect(stdout.split("\n").length).toBe(100_001);
	expect(writes).toBeWithin(10, 100);
});

test("a reader that is gone ends it", async () => {
	function* endless() {
		for (;;) yield connection();
	}
	const { stdout } = await play(["--json"], endless(), { signal: AbortSignal.abort() });
	expect(stdout).toBe("");
});

test("the options reach the kernel side", async () => {
	const words = ["--listening", "--libbpf", "/x.so", "-p", "1", "--transport", "udp"];
	const { options } = await play(words, []);
	expect(options).toMatchObject({ listening: true, libbpfPath: "/x.so", btfPath: null });
	expect(options?.transport).toBe("udp");
	expect(options?.filter).not.toBeNull();
	const without = { listening: false, filter: null, transport: null };
	expect((await play([], [])).options).toMatchObject(without);
});

describe("what is wrong is said before the kernel is asked", () => {
	for (const [argv, code, text] of [
		[["list", "--columns", "nonsense"], 2, '--columns "nonsense": there is no such column'],
		[["list", "--sort", "nonsense"], 2, '--sort "nonsense": there is no such column'],
		[["list", "--interval", "1"], 2, "--interval is not an option of conntracer list"],
		[["list", "--remote", "nowhere"], 2, '--remote "nowhere"'],
	] as const)
		test(argv.join(" "), async () => {
			const { code: found, stdout, stderr } = await run(argv);
			expect({ found, stdout }).toEqual({ found: code, stdout: "" });
			expect(stderr).toContain(text);
		});
});

test("the help is as a person has read it", async () => {
	const golden = readFileSync(join(import.meta.dir, "golden", "list-help.txt"), "utf8");
	expect(await run(["list", "--help"])).toMatchObject({ code: 0, stdout: golden, stderr: "" });
});
