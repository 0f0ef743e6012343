import { expect, test } from "bun:test";
import { createSink } from "../../src/sink/create.ts";
import { batch, flow, MemoryOutput, sinkOptions } from "./fixtures.ts";

const HEADER =
	"time,interval_ms,transport,family,direction,local_address,remote_address,listen_port," +
	"process,last_pid,uid,netns,cgroup_id,container_id," +
	"connections_opened,connections_failed,connections_closed,connections_open," +
	"bytes_sent,bytes_received,segments_retransmitted,rtt_us,nat,remote_name";

test("CSV has every field of a flow, numbers plain and null empty", () => {
	const stdout = new MemoryOutput(false);
	const sink = createSink(sinkOptions({ format: "csv" }), stdout, new MemoryOutput(false));
	sink.flows(batch([flow()]));
	const unknown = { direction: null, process: null, last_pid: null, uid: null, rtt_us: null };
	sink.flows(batch([flow({ ...unknown, local_address: "::1", bytes_sent: 2 ** 53 })]));
	expect(stdout.writes).toEqual([
		`${HEADER}\n2026-01-02T03:04:05.123456789Z,1000,tcp,ipv4,active,192.168.1.10,93.184.216.34,443,` +
			"curl,4242,1000,4026531840,18446744073709551615,,3,1,2,1,1234,5600000,7,12345,,\n",
		"2026-01-02T03:04:05.123456789Z,1000,tcp,ipv4,,::1,93.184.216.34,443," +
			",,,4026531840,18446744073709551615,,3,1,2,1,9007199254740992,5600000,7,,,\n",
	]);
});

test.each([
	["plain", "plain"],
	["a b", "a b"],
	["a,b", '"a,b"'],
	['say "hi"', '"say ""hi"""'],
	["=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"],
	["+1", "'+1"],
	["-1", "'-1"],
	["@sum,1", '"\'@sum,1"'],
	["＝1", "'＝1"],
	["a\nb\r\nc", "a\\nb\\r\\nc"],
	["\t=1", "\\t=1"],
	["\x1b[31m", "\\x1b[31m"],
	["\u202e", "\\u202e"],
	["日本 😀", "日本 😀"],
	["", ""],
])("a process called %j is the CSV field %s", (process, field) => {
	const stdout = new MemoryOutput(false);
	const options = sinkOptions({ format: "csv", columns: ["process", "pid"], header: false });
	createSink(options, stdout, new MemoryOutput(false)).flows(batch([flow({ process })]));
	expect(stdout.text).toBe(`${field},4242\n`);
});

test("CSV with --columns has these under their full names, and keeps the order of the flows", () => {
	const stdout = new MemoryOutput(false);
	const options = sinkOptions({ format: "csv", columns: ["remote", "sent", "sent_rate", "time"] });
	createSink(options, stdout, new MemoryOutput(false)).flows(
		batch([
			flow({ bytes_sent: 1, interval_ms: 3000 }),
			flow({ family: "ipv6", remote_address: "2001:db8::1", bytes_sent: 6, interval_ms: 2000 }),
		]),
	);
	expect(stdout.text.split("\n")).toEqual([
		"remote,bytes_sent,sent_bytes_per_second,time",
		"93.184.216.34:443,1,0.333,2026-01-02T03:04:05.123456789Z",
		"[2001:db8::1]:443,6,3,2026-01-02T03:04:05.123456789Z",
		"",
	]);
});
