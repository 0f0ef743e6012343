import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import type { FlowRecord } from "../../src/flow/records.ts";
import { createTopSink, type TopOptions, TopScreen } from "../../src/sink/top-sink.ts";
import { parseCsv } from "../support/csv.ts";
import { batch, flow, GAP, MemoryOutput, SUMMARY } from "./fixtures.ts";

const CURL = flow({ local_port: 40_000, bytes_sent: 1200, bytes_received: 3_000_000 });
const CURL_TOO = flow({ local_port: 40_001, bytes_sent: 34, bytes_received: 2_600_000 });
const SSHD = flow({
	...{ direction: "passive", family: "ipv6", local_address: "::1", remote_address: "fe80::2" },
	...{ local_port: 22, remote_port: 50_000, listen_port: 22, process: "sshd", last_pid: 9 },
	...{ uid: 0, connections_opened: 0, connections_failed: 0, connections_closed: 0 },
	...{ connections_open: 12, bytes_sent: 0, bytes_received: 0, segments_retransmitted: 0 },
	...{ rtt_us: null },
} as const);
const FLOWS = [SSHD, CURL, CURL_TOO];

function topOptions(changes: Partial<TopOptions> = {}): TopOptions {
	return {
		...{ by: "process", format: "table", columns: null, sort: null, header: true },
		...{ wide: false, color: false, summary: false },
		...changes,
	} as const;
}

function shown(changes: Partial<TopOptions>, flows: readonly FlowRecord[] = FLOWS, columns = 0) {
	const output = new MemoryOutput(columns > 0, columns);
	createTopSink(topOptions(changes), output, new MemoryOutput(false)).flows(batch(flows));
	return output.text;
}

function fields(table: string): string[][] {
	return table
		.trimEnd()
		.split("\n")
		.map((line) => line.split(/ +/));
}

describe("processes", () => {
	test("as JSON have the fields of the contract, the fastest first", () => {
		const [first, second, ...others] = shown({ format: "json" }).trimEnd().split("\n");
		expect(JSON.parse(first ?? "")).toEqual({
			...{ type: "process", time: CURL.time, interval_ms: 1000, pid: 4242, process: "curl" },
			...{ uid: 1000, netns: 4026531840, cgroup_id: "18446744073709551615", container_id: null },
			...{ connections_opened: 6, connections_failed: 2, connections_closed: 4 },
			...{ connections_open: 2, bytes_sent: 1234, bytes_received: 5_600_000 },
			...{ sent_bytes_per_second: 1234, received_bytes_per_second: 5_600_000 },
			...{ segments_retransmitted: 14, rtt_us: 12_345 },
		});
		expect(JSON.parse(second ?? "")).toMatchObject({ pid: 9, connections_open: 12 });
		expect(others).toEqual([]);
	});

	test("as CSV have the same fields, but for the type", () => {
		const [header, ...rows] = parseCsv(shown({ format: "csv" }));
		const json = JSON.parse(shown({ format: "json" }).split("\n")[0] ?? "");
		expect(header).toEqual(Object.keys(json).filter((name) => name !== "type"));
		expect(rows[0]?.slice(0, 5)).toEqual([CURL.time, "1000", "4242", "curl", "1000"]);
		expect(rows[1]?.at(-1)).toBe("");
	});

	test("in a pipe have plain numbers and one field a column", () => {
		const name = { process: "a b\x1b[2J" };
		expect(fields(shown({}, [SSHD, { ...CURL, ...name }]))).toEqual(
			[
				"TIME PROCESS PID SENT_BYTES/s RECV_BYTES/s OPEN NEW FAIL CLOSED RETR RTT_US UID CONTAINER",
				`${CURL.time} a\\x20b\\x1b[2J 4242 1200 3000000 1 3 1 2 7 12345 1000 -`,
				`${SSHD.time} sshd 9 0 0 12 0 0 0 0 - 0 -`,
			].map((line) => line.split(" ")),
		);
	});

	test("on a terminal have units, and are counted", () => {
		expect(shown({}, FLOWS, 80)).toBe(
			[
				"03:04:05Z  2 processes  14 open  6 new  2 failed  sent 1.2kB/s  received 5.6MB/s",
				"PROCESS  PID SENT B/s RECV B/s OPEN NEW FAIL CLOSED RETR  RTT  UID",
				"curl    4242     1.2k     5.6M    2   6    2      4   14 12ms 1000",
				"sshd       9        0        0   12   0    0      0    0    -    0",
				"",
			].join("\n"),
		);
	});

	test("on a terminal of 30 columns still say who, and how much", () => {
		expect(shown({}, FLOWS, 30).split("\n").slice(1)).toEqual([
			"PROCESS  PID SENT B/s RECV B/s",
			"curl    4242     1.2k     5.6M",
			"sshd       9        0        0",
			"",
		]);
	});
});

describe("connections", () => {
	test("as JSON are flow records with their rates", () => {
		const lines = shown({ by: "connection", format: "json" }).trimEnd().split("\n");
		expect(lines.map((line) => JSON.parse(line).local_port)).toEqual([40_000, 40_001, 22]);
		expect(JSON.parse(lines[0] ?? "")).toEqual({
			...CURL,
			...{ sent_bytes_per_second: 1200, received_bytes_per_second: 3_000_000 },
		});
	});

	test("as CSV have the same fields, but for the type", () => {
		const [header] = parseCsv(shown({ by: "connection", format: "csv" }));
		const json = JSON.parse(shown({ by: "connection", format: "json" }).split("\n")[0] ?? "");
		expect(header).toEqual(Object.keys(json).filter((name) => name !== "type"));
	});

	test("in a pipe have both ports", () => {
		expect(fields(shown({ by: "connection" }, [CURL]))).toEqual(
			[
				"TIME PROCESS PID PROTO LOCAL DIR REMOTE SENT_BYTES/s RECV_BYTES/s OPEN RETR RTT_US UID CONTAINER",
				`${CURL.time} curl 4242 tcp 192.168.1.10:40000 active 93.184.216.34:443 1200 3000000 1 7 12345 1000 -`,
			].map((line) => line.split(" ")),
		);
	});

	test("on a terminal have arrows and units", () => {
		expect(shown({ by: "connection" }, FLOWS, 100).split("\n")).toEqual([
			"03:04:05Z  3 connections  14 open  6 new  2 failed  sent 1.2kB/s  received 5.6MB/s",
			"PROCESS  PID PROTO LOCAL              DIR REMOTE            SENT B/s RECV B/s OPEN RETR  RTT  UID",
			"curl    4242 tcp   192.168.1.10:40000 →   93.184.216.34:443     1.2k     3.0M    1    7 12ms 1000",
			"curl    4242 tcp   192.168.1.10:40001 →   93.184.216.34:443       34     2.6M    1    7 12ms 1000",
			"sshd       9 tcp   [::1]:22           ←   [fe80::2]:50000          0        0   12    0    -    0",
			"",
		]);
	});
});

describe("--sort and --columns", () => {
	test.each([
		["open", ["sshd", "curl"]],
		["process", ["curl", "sshd"]],
		["uid", ["curl", "sshd"]],
		["throughput", ["curl", "sshd"]],
	])("--sort %s", (sort, expected) => {
		const lines = shown({ sort, columns: ["process"], header: false })
			.trimEnd()
			.split("\n");
		expect(lines).toEqual(expected);
	});

	test.each([{ sort: "remote" }, { columns: ["remote"] }])(
		"%j is no column of a process",
		(wrong) => {
			expect(() => shown(wrong)).toThrow(UsageError);
			expect(
				() => new TopScreen(topOptions(wrong), new MemoryOutput(true), new MemoryOutput(true)),
			).toThrow(UsageError);
			expect(() => shown({ ...wrong, by: "connection" })).not.toThrow();
		},
	);
});

/** What stands on the screen: the last frame, as nothing else is written. */
class Screen {
	readonly output: MemoryOutput;
	readonly errors = new MemoryOutput(true);
	readonly top: TopScreen;

	constructor(changes: Partial<TopOptions> = {}, columns = 80, rows = 24) {
		this.output = new MemoryOutput(true, columns, rows);
		this.top = new TopScreen(topOptions(changes), this.output, this.errors);
	}

	get lines(): string[] {
		const last = this.output.writes.at(-1) ?? "";
		return last
			.slice(last.lastIndexOf("\x1b") + 1)
			.replace(/^\[\d+F/, "")
			.split("\n");
	}
}

describe("keys on a terminal", () => {
	const COLUMNS = ["process", "pid", "sent", "open"];

	test("stand in one line, with a star at the order of now", () => {
		const screen = new Screen();
		screen.top.flows(batch(FLOWS));
		expect(screen.lines[1]).toBe(
			"q quit  p connections  sort: b bytes* s sent r received c open x retrans l rtt",
		);
	});

	test.each([
		[40, "q quit  p connections  sort: b bytes*"],
		[20, "q quit  p connectio…"],
		[5, "q qu…"],
	])("of %d columns are cut to the window", (columns, expected) => {
		const screen = new Screen({}, columns);
		screen.top.flows(batch(FLOWS));
		expect(screen.lines[1]).toBe(expected);
	});

	test.each([
		["c", "c open*", ["sshd", "curl"]],
		["s", "s sent*", ["curl", "sshd"]],
		["r", "r received*", ["curl", "sshd"]],
		["x", "x retrans*", ["curl", "sshd"]],
		["l", "l rtt*", ["curl", "sshd"]],
		["b", "b bytes*", ["curl", "sshd"]],
	])("%s sorts at once", (key, marked, expected) => {
		const screen = new Screen({ columns: COLUMNS, sort: "uid" });
		screen.top.flows(batch(FLOWS));
		expect(screen.lines[1]).not.toContain("*");
		screen.top.press(key);
		expect(screen.lines[1]).toContain(marked);
		expect(screen.lines.slice(3, 5).map((line) => line.split(" ")[0])).toEqual(expected);
	});

	test("p changes between processes and connections of the same interval", () => {
		const screen = new Screen({ columns: COLUMNS });
		screen.top.flows(batch(FLOWS));
		const processes = screen.lines;
		screen.top.press("p");
		expect(screen.lines.slice(0, 3)).toEqual([
			"03:04:05Z  3 connections  14 open  6 new  2 failed  sent 1.2kB/s",
			"q quit  p processes  sort: b bytes* s sent r received c open x retrans l rtt",
			"PROCESS  PID SENT OPEN",
		]);
		expect(screen.lines).toHaveLength(7);
		screen.top.press("p");
		expect(screen.lines).toEqual(processes);
	});

	test("p keeps what the other view has of --columns and --sort", () => {
		const screen = new Screen({ by: "connection", columns: ["remote", "pid"], sort: "remote" });
		screen.top.flows(batch(FLOWS));
		screen.top.press("p");
		expect(screen.lines.slice(2, 5)).toEqual([" PID", "4242", "   9"]);
		const none = new Screen({ by: "connection", columns: ["remote"], sort: "remote" });
		none.top.flows(batch(FLOWS));
		none.top.press("p");
		expect(none.lines[2]).toStartWith("PROCESS  PID SENT B/s RECV B/s OPEN");
	});

	test("that mean nothing draw nothing", () => {
		const screen = new Screen();
		screen.top.flows(batch(FLOWS));
		for (const key of ["z", "B", " ", "\r", ""]) screen.top.press(key);
		expect(screen.output.writes).toHaveLength(1);
	});

	test("before the first interval are remembered", () => {
		const screen = new Screen({ columns: COLUMNS });
		screen.top.press("c");
		expect(screen.output.writes).toEqual([]);
		screen.top.flows(batch(FLOWS));
		expect(screen.lines[1]).toContain("c open*");
	});

	test("draw over the frame before, in one write", () => {
		const screen = new Screen({ columns: COLUMNS });
		screen.top.flows(batch(FLOWS));
		screen.top.press("p");
		expect(screen.output.writes).toHaveLength(2);
		expect(screen.output.writes[1]).toStartWith(`\x1b[5F${"\x1b[2K\n".repeat(5)}\x1b[2K\x1b[5F03`);
	});

	test("leave a loss counted once", () => {
		const screen = new Screen();
		screen.top.flows(batch(FLOWS, [GAP]));
		screen.top.press("p");
		expect(screen.lines[0]).toContain("LOST 4000 (connection_table)");
		screen.top.flows(batch(FLOWS, [GAP]));
		expect(screen.lines[0]).toContain("LOST 8000 (connection_table)");
	});
});

test.each([2, 3, 4, 5, 6])("a terminal of %d rows is not overrun", (rows) => {
	const screen = new Screen({}, 80, rows);
	screen.top.flows(batch(FLOWS));
	expect(screen.lines.length).toBeLessThanOrEqual(rows);
	screen.top.press("p");
	expect(screen.lines.length).toBeLessThanOrEqual(rows);
});

test("the summary is for people, on standard error", () => {
	const screen = new Screen();
	screen.top.summary(SUMMARY);
	screen.top.close();
	expect(screen.output.text).toBe("");
	expect(screen.errors.text).toContain("20000 of 20000 active opens");
});
