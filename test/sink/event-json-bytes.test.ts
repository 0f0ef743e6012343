import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { applyRefinements, type OwnerFields, type Refinements } from "../../src/flow/acceptors.ts";
import { EventDecoder, type EventNames, type RawEvents } from "../../src/flow/event-decoder.ts";
import type { RemoteNames } from "../../src/flow/event-remote-names.ts";
import { event } from "../../src/maps/structs.ts";
import { ByteWriter } from "../../src/sink/byte-writer.ts";
import { eventJson } from "../../src/sink/event-json.ts";
import { EventJsonBytes } from "../../src/sink/event-json-bytes.ts";
import { safeJson } from "../../src/sink/text.ts";
import { clocksOf } from "../support/clocks.ts";

const utf8 = new TextEncoder();
const OFFSET_NS = 1_767_323_045_123_456_789n;

const NAMES: EventNames = {
	clocks: clocksOf({ realtimeNs: OFFSET_NS }),
	errnoName: (errno) => `E${errno}`,
	containerOf: (id) => (id === "7" ? "c".repeat(64) : null),
	processOf: (pid) =>
		pid % 2 === 0
			? { executable: "/bin/\u001b[31m", commandLine: 'a "b" \u2028 ü' }
			: { executable: null, commandLine: null },
};

type Event = ReturnType<typeof event.zero>;

const address = (text: string): Uint8Array => Uint8Array.fromHex(text);
const V4 = address("00000000000000000000ffff7f000001");
const V6 = address("20010db8000000000000000000000001");
const name = (text: string): Uint8Array => {
	const bytes = new Uint8Array(16);
	bytes.set(utf8.encode(text));
	return bytes;
};

const CLOSE: Partial<Event> = {
	...{ type: 4, time_ns: 5_000_000_123_456, id: 12_345_678, opened_ns: 4_999_000_000_001 },
	...{ established_ns: 4_999_000_100_101, cgroup_id: 7n, bytes_sent: 777, pid: 42, tid: 43 },
	...{ bytes_received: 5_600_000_000_000, uid: 1000, netns: 4_026_531_840, segments_sent: 12 },
	...{ segments_received: 10_000, segments_retransmitted: 100, rtt_us: 9999, rtt_var_us: 5 },
	...{ rtt_min_us: 10, cpu: 1, local_port: 40_000, remote_port: 443, direction: 1 },
	...{ attribution: 1, close_reason: 2, state: 7, image: 3, comm: name("curl") },
	...{ local_address: V4, remote_address: V4 },
};

const CASES: [what: string, changes: Partial<Event>][] = [
	["a close", {}],
	["an accept of a listener", { type: 3, direction: 2, attribution: 2, state: 1 }],
	["a failed attempt", { type: 2, error: 111, established_ns: 0, close_reason: 0 }],
	["a listening socket", { type: 5, direction: 2, remote_port: 0, state: 10 }],
	["one that ends", { type: 6, direction: 2, remote_port: 0, local_address: V6 }],
	["a retransmission", { type: 7, close_reason: 0 }],
	["nobody", { pid: 0, tid: 0, uid: 0, image: 0, attribution: 0, cgroup_id: 0n, comm: name("") }],
	["IPv6", { local_address: V6, remote_address: V6 }],
	["one from before the start", { opened_ns: 0, established_ns: 0, preexisting: 1 }],
	["nothing measured", { rtt_us: 0, rtt_var_us: 3, rtt_min_us: 4 }],
	["a name that is not text", { comm: name('\u0007"\\\n<ü>\u202e') }],
	["a process without details", { pid: 41 }],
	["an unknown direction, reason and state", { direction: 0, close_reason: 9, state: 99 }],
	["a long life", { time_ns: 9_007_199_254_740_991, opened_ns: 1 }],
	["the same moment", { opened_ns: 5_000_000_123_456 }],
	["large numbers", { id: 2 ** 53 - 1, bytes_sent: 2 ** 53 - 1, netns: 2 ** 32 - 1 }],
	["small ones", { id: 1, bytes_sent: 9, bytes_received: 10, segments_sent: 99 }],
];

const raw = (
	view: DataView,
	offsets: Int32Array,
	count: number,
	refined: Refinements = new Map(),
	remoteNames: RemoteNames = new Map(),
): RawEvents => ({ view, offsets, count, refined, remoteNames, names: NAMES });

function laidOut(events: readonly Partial<Event>[]): { view: DataView; offsets: Int32Array } {
	const bytes = new Uint8Array(events.length * event.size);
	for (const [at, changes] of events.entries())
		bytes.set(event.encode({ ...event.zero(), ...CLOSE, ...changes }), at * event.size);
	const offsets = Int32Array.from(events, (_, at) => at * event.size);
	return { view: new DataView(bytes.buffer), offsets };
}

describe("events as bytes are what their records are as text", () => {
	test.each(CASES)("%s", (_, changes) => {
		const { view, offsets } = laidOut([changes]);
		const line = new EventJsonBytes(NAMES).lines(raw(view, offsets, 1));
		const record = new EventDecoder(view, NAMES).decode(0);
		expect(new TextDecoder().decode(line)).toBe(`${safeJson(eventJson(record))}\n`);
	});

	test("nothing is allocated for a record", () => {
		const { view, offsets } = laidOut(Array.from({ length: 4096 }, (_, at) => ({ id: at })));
		const bytes = new EventJsonBytes(NAMES);
		const slice = raw(view, offsets, offsets.length);
		for (let warm = 0; warm < 20; warm++) bytes.lines(slice);
		Bun.gc(true);
		const before = heapStats().objectCount;
		bytes.lines(slice);
		expect(heapStats().objectCount - before).toBeLessThan(100);
	});

	test("whose they are is what is known better", () => {
		const accept = { type: 3, direction: 2, attribution: 2, state: 1 };
		const close = { attribution: 3, pid: 77, comm: name("worker") };
		const { view, offsets } = laidOut([accept, accept, close]);
		const found: OwnerFields = {
			...{ pid: 5, tid: 6, process: "\u001b", executable: null, command_line: "x" },
			...{ uid: 0, cgroup_id: "9", container_id: null, attribution: "scan" },
		};
		const refined: Refinements = new Map<number, number | OwnerFields>([
			[0, 2],
			[1, found],
		]);
		const decoder = new EventDecoder(view, NAMES);
		const records = [...offsets].map((offset) => decoder.decode(offset));
		applyRefinements(records, refined);
		const lines = new EventJsonBytes(NAMES).lines(raw(view, offsets, 3, refined));
		expect(new TextDecoder().decode(lines)).toBe(
			records.map((record) => `${safeJson(eventJson(record))}\n`).join(""),
		);
		expect(records.map(({ pid }) => pid)).toEqual([77, 5, 77]);
	});

	test("names of remote addresses, also those that are long or not text", () => {
		const names = ["web.example", `"\\${"\u001b".repeat(1000)}\u202e`];
		const { view, offsets } = laidOut(Array.from({ length: 3000 }, (_, id) => ({ id: id + 1 })));
		const remoteNames = new Map(
			[...offsets.keys()].flatMap((at) => {
				const name = names[at % 3];
				return name === undefined ? [] : [[at, name] as const];
			}),
		);
		const decoder = new EventDecoder(view, NAMES);
		const records = [...offsets].map((offset) => decoder.decode(offset));
		for (const [at, remote_name] of remoteNames) Object.assign(records[at] ?? {}, { remote_name });
		const slice = raw(view, offsets, offsets.length, new Map(), remoteNames);
		expect(new TextDecoder().decode(new EventJsonBytes(NAMES).lines(slice))).toBe(
			records.map((record) => `${safeJson(eventJson(record))}\n`).join(""),
		);
	});

	test("many, in the order of their offsets, and again", () => {
		const all = Array.from({ length: 5000 }, (_, at) => ({
			...CASES[at % CASES.length]?.[1],
			time_ns: 5_000_000_000_000 + at * 1_234_567,
			id: at,
		}));
		const { view, offsets } = laidOut(all);
		offsets.reverse();
		const bytes = new EventJsonBytes(NAMES);
		const decoder = new EventDecoder(view, NAMES);
		const expected = [...offsets].map((at) => `${safeJson(eventJson(decoder.decode(at)))}\n`);
		for (const count of [all.length, 0, 3]) {
			const lines = bytes.lines(raw(view, offsets, count));
			expect(new TextDecoder().decode(lines)).toBe(expected.slice(0, count).join(""));
		}
	});
});

test("beyond 15 digits they are exact, where JavaScript's are as short as can be", () => {
	const to = new ByteWriter(100);
	to.millionths(2 ** 53 - 1);
	expect(new TextDecoder().decode(to.take())).toBe("9007199254.740991");
	to.thousandths(2 ** 53 - 1);
	expect(new TextDecoder().decode(to.take())).toBe("9007199254740.991");
});

describe("numbers are written as JavaScript does", () => {
	const numbers = [0, 1, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 12_345, 99_999_999, 1e8, 1e12];
	const all = [...numbers, 100_000_001, 4_294_967_295, 1_000_200, 1_230_000, 70, 1e15 - 1];
	test.each(all)("%d", (value) => {
		const to = new ByteWriter(8);
		const written = (): string => new TextDecoder().decode(to.take());
		to.reserve(100);
		to.number(value);
		expect(written()).toBe(String(value));
		for (const signed of value === 0 ? [0] : [value, -value]) {
			to.thousandths(signed);
			expect(written()).toBe(String(signed / 1000));
			to.millionths(signed);
			expect(written()).toBe(String(signed / 1_000_000));
		}
	});
});
