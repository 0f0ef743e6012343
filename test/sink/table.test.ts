import { describe, expect, test } from "bun:test";
import type { FlowRecord } from "../../src/flow/records.ts";
import { createSink, type SinkOptions } from "../../src/sink/create.ts";
import { batch, flow, GAP, MemoryOutput, sinkOptions } from "./fixtures.ts";

const CURL = flow();
const SSHD = flow({
	family: "ipv6",
	direction: "passive",
	local_address: "::1",
	remote_address: "fe80::2",
	local_port: 22,
	remote_port: null,
	listen_port: 22,
	process: "sshd",
	last_pid: 999,
	uid: 0,
	connections_opened: 0,
	connections_failed: 0,
	connections_closed: 0,
	connections_open: 12,
	bytes_sent: 0,
	bytes_received: 0,
	segments_retransmitted: 0,
	rtt_us: null,
});
const LONG = flow({
	family: "ipv6",
	direction: "passive",
	local_address: "2001:db8:85a3:8d3:1319:8a2e:370:7348",
	remote_address: "2001:db8:85a3:8d3:1319:8a2e:370:1",
	local_port: 8080,
	remote_port: null,
	listen_port: 8080,
	process: "nginx: worker p",
	bytes_sent: 1_000_000_000,
});

/** The lines of one frame. */
function frame(flows: readonly FlowRecord[], columns: number, changes: Partial<SinkOptions> = {}) {
	const output = new MemoryOutput(true, columns);
	createSink(sinkOptions(changes), output, new MemoryOutput(true)).flows(batch(flows));
	return output.text.split("\n");
}

describe("a table on a terminal", () => {
	test.each([120, 200])("of %d columns shows everything", (columns) => {
		expect(frame([SSHD, CURL], columns)).toEqual([
			"03:04:05Z  2 flows  13 open  3 new  1 failed  sent 1.2kB/s  received 5.6MB/s",
			"PROCESS  PID PROTO LOCAL        DIR REMOTE            SENT/s RECV/s OPEN NEW FAIL CLOSED RETR  RTT  UID",
			"curl    4242 tcp   192.168.1.10 →   93.184.216.34:443   1.2k   5.6M    1   3    1      2    7 12ms 1000",
			"sshd     999 tcp   [::1]:22     ←   fe80::2                0      0   12   0    0      0    0    -    0",
			"",
		]);
	});

	test("of 80 columns leaves out what matters least", () => {
		expect(frame([SSHD, CURL], 80)).toEqual([
			"03:04:05Z  2 flows  13 open  3 new  1 failed  sent 1.2kB/s  received 5.6MB/s",
			"PROCESS  PID LOCAL        DIR REMOTE            SENT/s RECV/s OPEN NEW FAIL RETR",
			"curl    4242 192.168.1.10 →   93.184.216.34:443   1.2k   5.6M    1   3    1    7",
			"sshd     999 [::1]:22     ←   fe80::2                0      0   12   0    0    0",
			"",
		]);
	});

	test("shortens names before addresses, and addresses in the middle", () => {
		expect(frame([LONG], 80).slice(1)).toEqual([
			"PROCESS  LOCAL                      DIR REMOTE                     SENT/s RECV/s",
			"nginx: … [2001:db8:85a…0:7348]:8080 ←   2001:db8:85a3…9:8a2e:370:1   1.0G   5.6M",
			"",
		]);
		expect(frame([LONG], 120).slice(1)).toEqual([
			"PROCESS     PID LOCAL                                       DIR REMOTE                            SENT/s RECV/s OPEN NEW",
			"nginx: wo… 4242 [2001:db8:85a3:8d3:1319:8a2e:370:7348]:8080 ←   2001:db8:85a3:8d3:1319:8a2e:370:1   1.0G   5.6M    1   3",
			"",
		]);
	});

	test("that is --wide cuts nothing", () => {
		const [, header, row] = frame([LONG], 80, { wide: true });
		expect(header).toEndWith("RTT  UID");
		expect(row).toStartWith(
			"nginx: worker p 4242 tcp   [2001:db8:85a3:8d3:1319:8a2e:370:7348]:8080 ←",
		);
		expect(row).toEndWith("12ms 1000");
	});

	test("shows hostile and foreign names on one line each, aligned", () => {
		const names = ["\x1b[31m", 'a\nb"c', "=cmd", "日本語", "😀", "\u202egnp", null, ""];
		const flows = names.map((process, i) => flow({ process, bytes_sent: 100 - i }));
		expect(frame(flows, 80, { columns: ["process", "pid"], header: false }).slice(1)).toEqual([
			"\\x1b[31m  4242",
			'a\\nb"c    4242',
			"=cmd      4242",
			"日本語    4242",
			"😀        4242",
			"\\u202egnp 4242",
			"-         4242",
			"-         4242",
			"",
		]);
	});

	test("shows what is not known as a dash", () => {
		const unknown = flow({
			direction: null,
			process: null,
			last_pid: null,
			uid: null,
			rtt_us: null,
			remote_port: null,
			listen_port: null,
		});
		expect(frame([unknown], 120)[2]).toBe(
			"-         - tcp   192.168.1.10 -   93.184.216.34   1.2k   5.6M    1   3    1      2    7   -   -",
		);
	});

	test("names containers where there are any", () => {
		const lines = frame([flow({ container_id: "0123456789abcdef" })], 120);
		expect(lines[1]).toEndWith(" UID CONTAINER");
		expect(lines[2]).toEndWith(" 1000 0123456789ab…");
	});

	test("shows both ports of a connection", () => {
		const connection = flow({ local_port: 40_000, bytes_sent: 1 });
		const options = { aggregate: "connection", columns: ["local", "remote"] } as const;
		expect(frame([connection], 80, options)[2]).toBe("192.168.1.10:40000 93.184.216.34:443");
	});

	test("shows the port that listens where the other one is left out", () => {
		const ports = { local_port: null, remote_port: null, listen_port: 80 };
		const of = (direction: FlowRecord["direction"]) =>
			frame([flow({ ...ports, direction })], 80, { columns: ["local", "remote"] })[2];
		expect(of("active")).toBe("192.168.1.10 93.184.216.34:80");
		expect(of("passive")).toBe("192.168.1.10:80 93.184.216.34");
		expect(of(null)).toBe("192.168.1.10 93.184.216.34");
	});

	test("of 30 columns still says who, where and how much", () => {
		expect(frame([CURL, SSHD], 30).slice(1)).toEqual([
			"PROCESS REMOTE          SENT/s",
			"curl    93.184.….34:443   1.2k",
			"sshd    fe80::2              0",
			"",
		]);
	});

	test("of no flows is its header", () => {
		expect(frame([], 40)).toEqual([
			"03:04:05Z  0 flows  0 open  0 new",
			"PROCESS LOCAL DIR REMOTE SENT/s RECV/s",
			"",
		]);
	});

	test("that is shorter than the flows says how many are missing", () => {
		const output = new MemoryOutput(true, 80, 6);
		const sink = createSink(
			sinkOptions({ columns: ["pid", "sent"] }),
			output,
			new MemoryOutput(true),
		);
		const flows = [1, 2, 3, 4, 5].map((n) => flow({ last_pid: n, bytes_sent: n }));
		sink.flows(batch(flows));
		expect(output.text.split("\n").slice(1)).toEqual([
			"PID SENT",
			"  5    5",
			"  4    4",
			"… 3 more flows",
			"",
		]);
		output.writes.length = 0;
		sink.flows(batch(flows.slice(0, 3)));
		expect(output.text.split("\n").slice(-5)).toEqual([
			"PID SENT",
			"  3    3",
			"  2    2",
			"  1    1",
			"",
		]);
	});

	test("is drawn over the frame before, in one write", () => {
		const output = new MemoryOutput(true);
		const sink = createSink(sinkOptions(), output, new MemoryOutput(true));
		sink.flows(batch([CURL, SSHD]));
		sink.flows(batch([CURL]));
		sink.flows(batch([CURL]));
		expect(output.writes.map((text) => text.slice(0, text.indexOf("03:04:05Z")))).toEqual([
			"",
			"\x1b[4F\x1b[2K\n\x1b[2K\n\x1b[2K\n\x1b[2K\n\x1b[2K\x1b[4F",
			"\x1b[3F\x1b[2K\n\x1b[2K\n\x1b[2K\n\x1b[2K\x1b[3F",
		]);
	});

	test("that was resized starts again at the top of an empty screen", () => {
		const output = new MemoryOutput(true);
		const sink = createSink(sinkOptions(), output, new MemoryOutput(true));
		sink.flows(batch([CURL]));
		output.size = { columns: 60, rows: 4 };
		sink.flows(batch([CURL]));
		expect(output.writes[1]).toStartWith(
			"\x1b[H\x1b[2K\n\x1b[2K\n\x1b[2K\n\x1b[2K\x1b[H03:04:05Z  1 flow ",
		);
	});

	test("counts the lines that --wide wraps", () => {
		const output = new MemoryOutput(true, 40);
		const options = sinkOptions({ wide: true, columns: ["remote", "cgroup", "pid", "sent"] });
		const sink = createSink(options, output, new MemoryOutput(true));
		// Status 1 line, header and row 49 columns and so 2 lines each.
		sink.flows(batch([CURL]));
		expect(output.text.split("\n")[2]).toBe("93.184.216.34:443 18446744073709551615 4242 1.2k");
		sink.flows(batch([CURL]));
		expect(output.writes[1]).toStartWith("\x1b[5F\x1b[2K\n");
	});

	test("says how many flows are missing where --wide lines take more room", () => {
		const output = new MemoryOutput(true, 40, 8);
		const options = sinkOptions({ wide: true, columns: ["remote", "cgroup", "pid", "sent"] });
		const flows = [flow(), flow(), flow()];
		createSink(options, output, new MemoryOutput(true)).flows(batch(flows));
		// 7 lines of room: 1 status, 2 header, 2 for one row, 1 for what is missing.
		expect(output.text.split("\n").slice(2)).toEqual([
			"93.184.216.34:443 18446744073709551615 4242 1.2k",
			"… 2 more flows",
			"",
		]);
	});

	test("that does not know its size is 80 by 24", () => {
		const output = new MemoryOutput(true, 0, 0);
		const flows = Array.from({ length: 30 }, (_, i) => flow({ last_pid: 1000 + i }));
		createSink(sinkOptions(), output, new MemoryOutput(true)).flows(batch(flows));
		const lines = output.text.split("\n");
		expect(lines).toHaveLength(24);
		expect(lines[22]).toBe("… 10 more flows");
		expect(lines[1]).toHaveLength(80);
	});

	test("has a bold header, dim idle flows and red losses, if colours are wanted", () => {
		const draw = (color: boolean) => {
			const output = new MemoryOutput(true);
			const options = sinkOptions({ color, columns: ["process", "pid"] });
			createSink(options, output, new MemoryOutput(true)).flows(batch([CURL, SSHD], [GAP]));
			return output.text.split("\n");
		};
		expect(draw(true)).toEqual([
			"03:04:05Z  \x1b[31mLOST 4000 (connection_table)\x1b[0m  2 flows  13 open  3 new  1 failed",
			"\x1b[1mPROCESS  PID\x1b[0m",
			"curl    4242",
			"\x1b[2msshd     999\x1b[0m",
			"",
		]);
		expect(draw(false).join("\n")).not.toContain("\x1b");
	});
});
