import { describe, expect, test } from "bun:test";
import { createSink, type SinkOptions } from "../../src/sink/create.ts";
import { batch, flow, GAP, MemoryOutput, sinkOptions } from "./fixtures.ts";

function pipe(changes: Partial<SinkOptions> = {}) {
	const stdout = new MemoryOutput(false);
	const stderr = new MemoryOutput(false);
	return { stdout, stderr, sink: createSink(sinkOptions(changes), stdout, stderr) };
}

describe("a table in a pipe", () => {
	test("has a header, and one line of plain values per flow, the time first", () => {
		const { stdout, sink } = pipe();
		sink.flows(batch([flow()]));
		sink.flows(batch([flow({ container_id: "0123456789abcdef", direction: null, rtt_us: null })]));
		expect(stdout.text.split("\n")).toEqual([
			"TIME                           PROCESS             PID PROTO LOCAL                 DIR    REMOTE                SENT_BYTES RECV_BYTES OPEN NEW FAIL CLOSED RETR RTT_US  UID CONTAINER",
			"2026-01-02T03:04:05.123456789Z curl               4242 tcp   192.168.1.10          active 93.184.216.34:443           1234    5600000    1   3    1      2    7  12345 1000 -",
			"2026-01-02T03:04:05.123456789Z curl               4242 tcp   192.168.1.10          -      93.184.216.34:443           1234    5600000    1   3    1      2    7      - 1000 0123456789abcdef",
			"",
		]);
		expect(stdout.writes).toHaveLength(2);
	});

	test("has as many fields as columns, whatever a process is called", () => {
		const { stdout, sink } = pipe({ columns: ["process", "pid", "uid"], header: false });
		const names = ["a b", "\x1b[31m", "x\ny", "-", "", null, "日本\u3000語", "\u202e"];
		sink.flows(batch(names.map((process, i) => flow({ process, bytes_sent: 100 - i }))));
		const lines = stdout.text.trimEnd().split("\n");
		expect(lines.map((line) => line.split(/\s+/))).toEqual([
			["a\\x20b", "4242", "1000"],
			["\\x1b[31m", "4242", "1000"],
			["x\\ny", "4242", "1000"],
			["\\x2d", "4242", "1000"],
			["-", "4242", "1000"],
			["-", "4242", "1000"],
			["日本\\u3000語", "4242", "1000"],
			["\\u202e", "4242", "1000"],
		]);
	});

	test("writes its header even before there is a flow, and once", () => {
		const { stdout, sink } = pipe({ columns: ["pid"] });
		sink.flows(batch([]));
		sink.flows(batch([]));
		sink.flows(batch([flow()]));
		expect(stdout.writes).toEqual(["PID\n".padStart(8), "   4242\n"]);
	});

	test("without a header writes nothing for no flows", () => {
		const { stdout, sink } = pipe({ header: false });
		sink.flows(batch([]));
		expect(stdout.writes).toEqual([]);
	});

	test("is sorted as asked", () => {
		const { stdout, sink } = pipe({ columns: ["process"], sort: "process", header: false });
		sink.flows(batch([flow({ process: "b" }), flow({ process: "a" })]));
		expect(stdout.text).toBe("a\nb\n");
	});

	test("leaves gaps to standard error", () => {
		const { stdout, stderr, sink } = pipe({ header: false });
		sink.flows(batch([], [GAP, { ...GAP, stage: "program", count: 1, hint: null }]));
		expect(stdout.text).toBe("");
		expect(stderr.text.split("\n")).toEqual([
			"conntracer: 03:04:04Z to 03:04:05Z: LOST 4000 connections were not followed: the connection table was full (raise --max-connections)",
			"conntracer: 03:04:04Z to 03:04:05Z: LOST 1 run of a BPF program was skipped: the kernel refused to nest it",
			"",
		]);
	});
});
