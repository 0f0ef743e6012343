import { describe, expect, test } from "bun:test";
import { Metrics } from "../../src/serve/metrics.ts";
import type { ServedStats } from "../../src/serve/routes.ts";
import { NOTHING_LOST } from "../../src/trace/losses.ts";
import { CHANGE, changed } from "../flow/changed-connection.ts";
import { PROBES } from "./fixtures.ts";

const STATS: ServedStats = {
	probes: PROBES,
	...{ version: "1", kernel: "6.1", hooks: {}, uptime_ms: 5, clients: 3, readers: 2, resets: 0 },
	...{ lost: { ...NOTHING_LOST, ring_buffer: 2 }, cpu_ms: 1500, peak_memory_bytes: 7 },
};

const moved = (bytes_sent: number, bytes_received: number) => ({
	...CHANGE,
	...{ bytes_sent, bytes_received },
});

/** Lines of one metric: labels, value. */
async function lines(metrics: Metrics, name: string): Promise<Record<string, number>> {
	const text = await metrics.text(STATS);
	const found = [...text.matchAll(new RegExp(`^conntracer_${name}(?:\\{(.*)\\})? (\\S+)$`, "gm"))];
	return Object.fromEntries(found.map(([, labels = "", value]) => [labels, Number(value)]));
}

const CURL = 'process="curl",network_transport="tcp",server_port="443",role="client"';
const NGINX = 'process="nginx",network_transport="tcp",server_port="80",role="server"';

test("what connections moved is added up, by program, role and the port of the server", async () => {
	const metrics = new Metrics();
	const served = { process: "nginx", direction: "passive", local_port: 80 } as const;
	metrics.take([
		changed(),
		changed({ local_port: 40_001 }),
		changed({ ...served, remote_port: 9 }),
	]);
	metrics.take([changed({ since_last: moved(1, 2) })]);
	expect(await lines(metrics, "io_bytes_total")).toEqual({
		[`${CURL},network_io_direction="transmit"`]: 21,
		[`${CURL},network_io_direction="receive"`]: 42,
		[`${NGINX},network_io_direction="transmit"`]: 10,
		[`${NGINX},network_io_direction="receive"`]: 20,
	});
	expect((await lines(metrics, "tcp_retransmitted_segments_total"))[CURL]).toBe(3);
});

test("what began, failed and is over is counted, and what is open is what is open now", async () => {
	const metrics = new Metrics();
	const counts = { connections_opened: 2, connections_failed: 5, connections_closed: 3 };
	const since_last = { ...moved(0, 0), ...counts };
	const over = { is_open: false, close_reason: "local", error: "ECONNREFUSED" } as const;
	metrics.take([changed(), changed({ ...over, since_last })]);
	expect(await lines(metrics, "connections_active")).toEqual({ [CURL]: 1 });
	metrics.forgetOpen();
	const ended = { ...since_last, connections_failed: 0, connections_closed: 1 };
	metrics.take([changed({ close_reason: null, since_last: ended }), changed()]);
	expect(await lines(metrics, "connections_active")).toEqual({ [CURL]: 2 });
	expect(await lines(metrics, "connections_opened_total")).toEqual({ [CURL]: 6 });
	expect(await lines(metrics, "connections_failed_total")).toEqual({
		[`${CURL},error_type="ECONNREFUSED"`]: 5,
	});
	expect(await lines(metrics, "connections_closed_total")).toEqual({
		[`${CURL},close_reason="local"`]: 3,
		[`${CURL},close_reason="unknown"`]: 1,
	});
});

test("UDP has a label of its own, and no segments", async () => {
	const metrics = new Metrics();
	const none = { segments_sent: null, segments_received: null, segments_retransmitted: null };
	metrics.take([changed({ transport: "udp", ...none, since_last: { ...moved(3, 4), ...none } })]);
	const udp = CURL.replace("tcp", "udp");
	expect(await lines(metrics, "io_bytes_total")).toEqual({
		[`${udp},network_io_direction="transmit"`]: 3,
		[`${udp},network_io_direction="receive"`]: 4,
	});
	expect(await lines(metrics, "tcp_retransmitted_segments_total")).toEqual({});
});

test("how it fares: totals that grow, whoever asks how often", async () => {
	const metrics = new Metrics();
	await metrics.text(STATS);
	expect((await lines(metrics, "lost_total"))['stage="ring_buffer"']).toBe(2);
	expect(await lines(metrics, "cpu_seconds_total")).toEqual({ "": 1.5 });
	expect(await lines(metrics, "clients")).toEqual({ "": 3 });
	expect(await lines(metrics, "readers")).toEqual({ "": 2 });
});

test("what the kernel side did, and how full it is; what is not known has no series", async () => {
	const metrics = new Metrics();
	await metrics.text(STATS);
	const [tcp, udp] = ['network_transport="tcp"', 'network_transport="udp"'];
	for (const [name, expected] of [
		["bpf_program_runs_total", { [`program="tp__one",${tcp}`]: 5 }],
		["bpf_program_seconds_total", { [`program="tp__one",${tcp}`]: 2 }],
		["bpf_program_misses_total", { [`program="tp__one",${tcp}`]: 1 }],
		["map_entries", { [`map="conns",${tcp}`]: 3 }],
		["map_max_entries", { [`map="conns",${tcp}`]: 100, [`map="conns",${udp}`]: 200 }],
		["ring_buffer_waiting_bytes", { "": 7 }],
		["ring_buffer_bytes", { "": 4096 }],
	] as const)
		expect(await lines(metrics, name)).toEqual(expected);
});

describe("bounds", () => {
	test("100,000 peers and ports are no more series than may be, and nothing is missing", async () => {
		const metrics = new Metrics({ most: 100 });
		const all = 100_000;
		for (let peer = 0; peer < all; peer++) {
			const remote_address = `10.${peer >> 16}.${(peer >> 8) & 255}.${peer & 255}`;
			const where = { remote_address, remote_port: peer % 50_000 };
			metrics.take([changed({ ...where, uid: 0, is_open: false })]);
		}
		const bytes = await lines(metrics, "io_bytes_total");
		expect(Object.keys(bytes).length).toBe(2 * 101);
		expect(Object.values(bytes).reduce((a, b) => a + b, 0)).toBe(all * 30);
		const other = Object.entries(bytes).filter(([labels]) => labels.includes('process="other"'));
		expect(other.length).toBe(2);
		expect(await lines(metrics, "label_sets")).toEqual({ "": 100 });
	});

	test("one that has not changed for long makes room, and goes on where it was when it is back", async () => {
		let now = 0;
		const metrics = new Metrics({ most: 2, idleMs: 1000 }, () => now);
		const move = (process: string, is_open = false): void =>
			metrics.take([changed({ process, uid: 0, is_open, since_last: moved(1, 0) })]);
		const sent = async (): Promise<Record<string, number>> => {
			const all = Object.entries(await lines(metrics, "io_bytes_total"));
			return Object.fromEntries(
				all.flatMap(([labels, value]) => {
					const [, process = ""] = /process="(\w+)".*"transmit"/.exec(labels) ?? [];
					return process === "" ? [] : [[process, value]];
				}),
			);
		};
		move("one");
		move("two", true);
		now = 999;
		move("three");
		expect(await sent()).toEqual({ one: 1, two: 1, other: 1 });
		now = 1000;
		move("three");
		expect(await sent()).toEqual({ two: 1, three: 1, other: 1 });
		now = 5000;
		move("one");
		expect(await sent()).toEqual({ two: 1, one: 2, other: 1 });
		expect(await lines(metrics, "all_io_bytes_total")).toEqual({
			'network_io_direction="transmit"': 5,
			'network_io_direction="receive"': 0,
		});
	});

	test("one that has a connection open keeps its place", async () => {
		let now = 0;
		const metrics = new Metrics({ most: 1, idleMs: 1000 }, () => now);
		metrics.take([changed({ process: "one", uid: 0 })]);
		now = 1e9;
		metrics.take([changed({ process: "two", uid: 0 })]);
		const active = Object.keys(await lines(metrics, "connections_active"));
		expect(active.map((labels) => /process="(\w+)"/.exec(labels)?.[1])).toEqual(["one", "other"]);
	});

	test("no user can take more than a quarter of them, but root", async () => {
		const metrics = new Metrics({ most: 100 });
		const show = (uid: number | null, names: number): void => {
			for (let name = 0; name < names; name++)
				metrics.take([changed({ process: `u${uid}-${name}`, uid })]);
		};
		show(1000, 90);
		expect(await lines(metrics, "label_sets")).toEqual({ "": 25 });
		show(null, 90);
		show(0, 90);
		expect(await lines(metrics, "label_sets")).toEqual({ "": 100 });
		expect(await lines(metrics, "label_sets_refused_total")).toEqual({
			'reason="user"': 130,
			'reason="full"': 40,
		});
		const opened = await lines(metrics, "connections_opened_total");
		expect(Object.values(opened).reduce((sum, one) => sum + one, 0)).toBe(
			(await lines(metrics, "all_connections_opened_total"))[""] ?? 0,
		);
	});

	test("a hostile name is one label, of what can be seen", async () => {
		const metrics = new Metrics();
		metrics.take([changed({ process: 'a"b\\\n} 1\u001b[31m\u009b' })]);
		const text = await metrics.text(STATS);
		expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
		expect(Object.keys(await lines(metrics, "connections_active")).length).toBe(1);
	});
});
