import { describe, expect, test } from "bun:test";
import type { ReadyRecord } from "../../src/flow/records.ts";
import { createSink, type SinkOptions } from "../../src/sink/create.ts";
import { batch, flow, GAP, MemoryOutput, SUMMARY, sinkOptions } from "./fixtures.ts";

function json(changes: Partial<SinkOptions> = {}, stderrIsTerminal = false) {
	const stdout = new MemoryOutput(false);
	const stderr = new MemoryOutput(stderrIsTerminal);
	return {
		stdout,
		stderr,
		sink: createSink(sinkOptions({ format: "json", ...changes }), stdout, stderr),
	};
}

const FLOW =
	'{"type":"flow","time":"2026-01-02T03:04:05.123456789Z","interval_ms":1000,"transport":"tcp",' +
	'"family":"ipv4","direction":"active","local_address":"192.168.1.10",' +
	'"remote_address":"93.184.216.34","listen_port":443,"process":"curl","last_pid":4242,"uid":1000,' +
	'"netns":4026531840,"cgroup_id":"18446744073709551615","container_id":null,' +
	'"connections_opened":3,"connections_failed":1,"connections_closed":2,"connections_open":1,' +
	'"bytes_sent":1234,"bytes_received":5600000,"segments_retransmitted":7,"rtt_us":12345,"nat":null,"remote_name":null}\n';

const GAP_LINE =
	'{"type":"gap","from":"2026-01-02T03:04:04.000000000Z","to":"2026-01-02T03:04:05.123456789Z",' +
	'"stage":"connection_table","count":4000,"hint":"raise --max-connections"}\n';

const SUMMARY_LINE =
	'{"type":"summary","time":"2026-01-02T03:04:17.000000000Z","duration_ms":12000,' +
	'"seen":{"active_opens":20000,"passive_opens":20000,"attempt_fails":0,"estab_resets":0},' +
	'"kernel":{"active_opens":20000,"passive_opens":20000,"attempt_fails":0,"estab_resets":0},' +
	'"unverified":{"active_opens":0,"passive_opens":0,"attempt_fails":0,"estab_resets":0},' +
	'"lost":{"connection_table":0,"flow_table":0,"listener_table":0,"netns_table":0,"ring_buffer":0,"queue":0,"udp_table":0,"connection_end":0,"conntrack_table":0,"dns_table":0,"dns_message":0,"dns_unasked":0,"namespace":0,"program":0},' +
	'"self":{"cpu_ms":50,"peak_memory_bytes":61000000,"bpf_runs":null,"bpf_ns":null}}\n';

describe("JSON", () => {
	test("has a batch in one write, with what was lost in it behind the flows", () => {
		const { stdout, sink } = json();
		sink.flows(batch([flow(), flow()], [GAP]));
		expect(stdout.writes).toEqual([FLOW + FLOW + GAP_LINE]);
	});

	test("keeps the order of the contract whatever order a record has", () => {
		const { stdout, sink } = json();
		const reversed = Object.fromEntries(Object.entries(flow()).reverse());
		sink.flows(batch([flow(reversed)]));
		sink.flows(batch([{ ...reversed, ...flow() }]));
		expect(stdout.text).toBe(FLOW + FLOW);
	});

	test("has both ports of flows that are connections", () => {
		const { stdout, sink } = json({ aggregate: "connection" });
		sink.flows(batch([flow({ local_port: 40_000 })]));
		expect(stdout.text).toContain('"listen_port":443,"local_port":40000,"remote_port":443,');
	});

	test("has what stands behind a translation", () => {
		const { stdout, sink } = json();
		const nat = {
			...{ destination_port: 8080, destination_address: "10.9.9.9" },
			...{ source_port: null, source_address: "10.0.0.5" },
		};
		sink.flows(batch([flow({ nat })]));
		expect(stdout.text).toEndWith(
			'"nat":{"source_address":"10.0.0.5","source_port":null,"destination_address":"10.9.9.9","destination_port":8080},"remote_name":null}\n',
		);
	});

	test("writes nothing for an empty batch", () => {
		const { stdout, sink } = json();
		sink.flows(batch([]));
		expect(stdout.writes).toEqual([]);
	});

	test("ready tells what runs", () => {
		const { stdout, stderr, sink } = json({}, true);
		const ready: ReadyRecord = {
			type: "ready",
			time: "2026-01-02T03:04:04.000000000Z",
			version: "0.1.0",
			kernel: "6.1.0-13-amd64",
			libbpf: "1.1 (system)",
			hooks: { lifecycle: "tracepoint" },
			programs: ["tp__sock_state"],
			open_connections: 3,
		};
		sink.ready(ready);
		expect(stdout.text).toBe(
			'{"type":"ready","time":"2026-01-02T03:04:04.000000000Z","version":"0.1.0",' +
				'"kernel":"6.1.0-13-amd64","libbpf":"1.1 (system)","hooks":{"lifecycle":"tracepoint"},' +
				'"programs":["tp__sock_state"],"open_connections":3}\n',
		);
		expect(stderr.text).toBe("");
	});

	test.each([
		['\x1b[31m\n"\\', '"\\u001b[31m\\n\\"\\\\"'],
		["\x7f\x9b\u2028\u202e\ud800", '"\\u007f\\u009b\\u2028\\u202e\\ud800"'],
		["日本 😀", '"日本 😀"'],
	])("shows a process called %j as %s", (process, shown) => {
		const { stdout, sink } = json();
		sink.flows(batch([flow({ process })]));
		expect(stdout.text).toContain(`"process":${shown},`);
		expect(JSON.parse(stdout.text).process).toBe(process);
	});

	test.each([
		{ summary: true, terminal: false, record: SUMMARY_LINE, text: "" },
		{ summary: false, terminal: false, record: "", text: "" },
		{ summary: false, terminal: true, record: "", text: "conntracer: 20000 of" },
		{ summary: true, terminal: true, record: SUMMARY_LINE, text: "conntracer: 20000 of" },
	])(
		"ends with a summary if asked, and for a person: %j",
		({ summary, terminal, record, text }) => {
			const { stdout, stderr, sink } = json({ summary }, terminal);
			sink.summary(SUMMARY);
			expect(stdout.text).toBe(record);
			expect(stderr.text.slice(0, 20)).toBe(text);
		},
	);
});
