import { describe, expect, test } from "bun:test";
import { createEventSink, type EventSinkOptions } from "../../src/sink/event-sink.ts";
import { parseCsv } from "../support/csv.ts";
import { event, eventBatch, eventSinkOptions, REFUSED } from "./event-fixtures.ts";
import { GAP, MemoryOutput, SUMMARY } from "./fixtures.ts";

function opened(changes: Partial<EventSinkOptions> = {}, stdout = new MemoryOutput(false)) {
	const stderr = new MemoryOutput(false);
	return { stdout, stderr, sink: createEventSink(eventSinkOptions(changes), stdout, stderr) };
}

const CLOSE_LINE =
	'{"type":"event","time":"2026-01-02T03:04:05.123456789Z","event":"close","id":"42",' +
	'"transport":"tcp","family":"ipv4","direction":"active","state":"CLOSE",' +
	'"local_address":"192.168.1.10","local_port":40000,' +
	'"remote_address":"93.184.216.34","remote_port":443,"pid":4242,"tid":4243,"process":"curl",' +
	'"executable":null,"command_line":null,"uid":1000,"netns":4026531840,' +
	'"cgroup_id":"18446744073709551615","container_id":null,"attribution":"task",' +
	'"opened":"2026-01-02T03:04:03.889000000Z","preexisting":false,"duration_ms":1234.456789,' +
	'"bytes_sent":777,"bytes_received":5600000,"segments_sent":12,"segments_received":13,' +
	'"segments_retransmitted":1,"rtt_us":12345,"rtt_var_us":600,"rtt_min_us":11000,' +
	'"connect_latency_us":10500.5,"nat":null,"remote_name":null,' +
	'"cpu":3,"error":null,"close_reason":"remote"}\n';

describe("events as JSON", () => {
	test("are a line each, in one write, with what was lost behind them", () => {
		const { stdout, stderr, sink } = opened({ format: "json" });
		sink.events(eventBatch([event(), event()], [{ ...GAP, stage: "ring_buffer", hint: null }]));
		expect(stdout.writes).toEqual([
			`${CLOSE_LINE}${CLOSE_LINE}{"type":"gap","from":"2026-01-02T03:04:04.000000000Z",` +
				'"to":"2026-01-02T03:04:05.123456789Z","stage":"ring_buffer","count":4000,"hint":null}\n',
		]);
		expect(stderr.text).toBe("");
	});

	test("have their fields in one order whatever order a record has", () => {
		const { stdout, sink } = opened({ format: "json" });
		const reversed = Object.fromEntries(Object.entries(event()).reverse());
		sink.events(eventBatch([{ ...reversed, ...event() }]));
		expect(stdout.text).toBe(CLOSE_LINE);
	});

	test("end with the summary if it is asked for", () => {
		const asked = opened({ format: "json", summary: true });
		asked.sink.summary(SUMMARY);
		expect(JSON.parse(asked.stdout.text)).toEqual(SUMMARY);
		const not = opened({ format: "json" });
		not.sink.summary(SUMMARY);
		expect(not.stdout.text).toBe("");
	});

	test("write nothing for an empty batch", () => {
		const { stdout, sink } = opened({ format: "json" });
		sink.events(eventBatch([]));
		expect(stdout.writes).toEqual([]);
	});
});

describe("events as CSV", () => {
	test("have every field but the type, in the order of JSON, null empty", () => {
		const { stdout, sink } = opened({ format: "csv" });
		sink.events(eventBatch([event()]));
		sink.events(eventBatch([REFUSED]));
		const [header, , refused] = parseCsv(stdout.text);
		expect(["type", ...(header ?? [])]).toEqual(Object.keys(JSON.parse(CLOSE_LINE)));
		expect(stdout.text.split("\n").slice(1)).toEqual([
			"2026-01-02T03:04:05.123456789Z,close,42,tcp,ipv4,active,CLOSE,192.168.1.10,40000,93.184.216.34,443,4242,4243,curl,,,1000,4026531840,18446744073709551615,,task,2026-01-02T03:04:03.889000000Z,false,1234.456789,777,5600000,12,13,1,12345,600,11000,10500.5,,,3,,remote",
			"2026-01-02T03:04:05.123456789Z,connect_failed,42,tcp,ipv6,active,CLOSE,2001:db8::2,40000,2001:db8::1,443,4242,4243,curl,,,1000,4026531840,18446744073709551615,,task,2026-01-02T03:04:03.889000000Z,false,,0,0,12,13,1,,,,,,,3,ECONNREFUSED,",
			"",
		]);
		expect(refused).toHaveLength(38);
	});

	test("have the columns that are asked for", () => {
		const columns = ["why", "remote", "sent", "preexisting"];
		const { stdout, sink } = opened({ format: "csv", columns });
		sink.events(eventBatch([event(), REFUSED]));
		expect(stdout.text).toBe(
			"why,remote,bytes_sent,preexisting\n" +
				"remote,93.184.216.34:443,777,false\n" +
				"ECONNREFUSED,[2001:db8::1]:443,0,false\n",
		);
	});
});

describe("events in a pipe", () => {
	test("are lines of plain values below one header", () => {
		const { stdout, sink } = opened();
		sink.events(eventBatch([event()]));
		sink.events(eventBatch([REFUSED]));
		expect(stdout.text.split("\n")).toEqual([
			"TIME                           EVENT          PROCESS             PID LOCAL                 DIR    REMOTE                WHY            DURATION_MS SENT_BYTES RECV_BYTES RTT_US",
			"2026-01-02T03:04:05.123456789Z close          curl               4242 192.168.1.10:40000    active 93.184.216.34:443     remote         1234.456789        777    5600000  12345",
			"2026-01-02T03:04:05.123456789Z connect_failed curl               4242 [2001:db8::2]:40000   active [2001:db8::1]:443     ECONNREFUSED             -          0          0      -",
			"",
		]);
	});

	test("leave gaps to standard error", () => {
		const { stdout, stderr, sink } = opened({ header: false });
		sink.events(eventBatch([], [{ ...GAP, stage: "ring_buffer", count: 2, hint: null }]));
		expect(stdout.text).toBe("");
		expect(stderr.text).toBe(
			"conntracer: 03:04:04Z to 03:04:05Z: LOST 2 events were dropped: the ring buffer was full (raise --buffer)\n",
		);
	});
});

describe("events on a terminal", () => {
	const accept = event({ event: "accept", direction: "passive", close_reason: null, pid: null });

	test.each([
		[
			80,
			[
				"EVENT          PROCESS  LOCAL               DIR REMOTE              WHY",
				"close          curl     192.168.1.10:40000  →   93.184.216.34:443   remote",
				"connect_failed curl     [2001:db8::2]:40000 →   [2001:db8::1]:443   ECONNREFUSED",
				"accept         curl     192.168.1.10:40000  ←   93.184.216.34:443   -",
			],
		],
		[
			144,
			[
				"TIME         EVENT          PROCESS             PID LOCAL                 DIR REMOTE                WHY            DURATION   SENT   RECV    RTT",
				"03:04:05.123 close          curl               4242 192.168.1.10:40000    →   93.184.216.34:443     remote             1.2s    777   5.6M   12ms",
				"03:04:05.123 connect_failed curl               4242 [2001:db8::2]:40000   →   [2001:db8::1]:443     ECONNREFUSED          -      0      0      -",
				"03:04:05.123 accept         curl                  - 192.168.1.10:40000    ←   93.184.216.34:443     -                  1.2s    777   5.6M   12ms",
			],
		],
	] as const)("stand below each other in a window of %i columns", (columns, lines) => {
		const { stdout, sink } = opened({}, new MemoryOutput(true, columns));
		sink.events(eventBatch([event(), REFUSED, accept]));
		expect(stdout.text.split("\n")).toEqual([...lines, ""]);
	});

	test("cut a long address in its middle, unless there is room or nothing may be cut", () => {
		const long = event({ remote_address: "2001:db8:85a3:8d3:1319:8a2e:370:7348" });
		const shown = (columns: number, wide: boolean): string => {
			const output = new MemoryOutput(true, columns);
			const { stdout, sink } = opened({ columns: ["remote"], header: false, wide }, output);
			sink.events(eventBatch([long]));
			return stdout.text;
		};
		expect(shown(21, false)).toBe("[2001:db8:…:7348]:443\n");
		expect(shown(60, false)).toBe("[2001:db8:85a3:8d3:1319:8a2e:370:7348]:443\n");
		expect(shown(10, true)).toBe("[2001:db8:85a3:8d3:1319:8a2e:370:7348]:443\n");
	});

	test("are red where something failed, and only with colours", () => {
		const reset = event({ error: "ECONNRESET" });
		const { stdout, sink } = opened(
			{ color: true, columns: ["event"] },
			new MemoryOutput(true, 20),
		);
		sink.events(eventBatch([event(), reset, REFUSED]));
		expect(stdout.text).toBe(
			"\x1b[1mEVENT\x1b[0m\nclose\n\x1b[31mclose\x1b[0m\n\x1b[31mconnect_failed\x1b[0m\n",
		);
	});

	test("have their header again on each screen, and when the window has changed", () => {
		const output = new MemoryOutput(true, 20, 5);
		const { stdout, sink } = opened({ columns: ["event"] }, output);
		sink.events(eventBatch(Array.from({ length: 4 }, () => event())));
		expect(stdout.text.split("\n")).toEqual(
			["EVENT", "close", "close", "close"].concat("EVENT", "close", ""),
		);
		output.size = { columns: 30, rows: 5 };
		sink.events(eventBatch([event()]));
		expect(stdout.writes.at(-1)).toBe("EVENT\nclose\n");
	});
});
