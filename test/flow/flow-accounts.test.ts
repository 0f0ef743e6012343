import { describe, expect, test } from "bun:test";
import type { Now } from "../../src/flow/clock.ts";
import { FlowAccounts } from "../../src/flow/flow-accounts.ts";
import type { RatePoint } from "../../src/flow/rate-curve.ts";
import { CT_DELETE, CT_NEW, CtMessage } from "../../src/maps/ctnetlink.ts";
import { type CtEntry, ctMessage } from "../support/ct-messages.ts";

const TCP = 6;
const START_MS = 1_795_315_598_000;
const TUPLE = {
	source: [10, 0, 0, 1],
	destination: [10, 0, 0, 2],
	sourcePort: 40_000,
	destinationPort: 443,
	protocol: TCP,
};
const RATE: readonly RatePoint[] = [
	{ ageMs: 0, intervalMs: 20_000 },
	{ ageMs: 60_000, intervalMs: 60_000 },
	{ ageMs: 300_000, intervalMs: 300_000 },
];

const message = (entry: Partial<CtEntry> = {}): CtMessage => {
	const bytes = ctMessage({ type: CT_NEW, original: TUPLE, ...entry });
	const read = new CtMessage(bytes);
	read.read(0, bytes.length);
	return read;
};
/** So many packets of 100 bytes out, and none back. */
const after = (packets: number, entry: Partial<CtEntry> = {}): CtMessage =>
	message({
		counters: [
			{ packets, bytes: BigInt(packets * 100) },
			{ packets: 0, bytes: 0n },
		],
		...entry,
	});
const over = (packets: number, entry: Partial<CtEntry> = {}): CtMessage =>
	after(packets, { type: CT_DELETE, ...entry });
const accounts = (rate = RATE, maxFlows = 10): FlowAccounts =>
	new FlowAccounts({ netns: 77, rate, maxFlows });
const at = (seconds: number, setBy = 0): Now => ({
	elapsedMs: 5000 + seconds * 1000,
	wall: { seconds: START_MS / 1000 + seconds + setBy, ns: 0 },
});

describe("the first packet (ProbeFirstPacket)", () => {
	test("is reported, with what is known of it", () => {
		expect(accounts().begin(message({ mark: 9 }), at(0))).toEqual({
			...{ type: "accounting", time: "2026-11-22T02:46:38.000000000Z", event: "update" },
			...{ flow_id: expect.stringMatching(/^[0-9a-f]{16}$/), started: null, transport: "tcp" },
			...{ source_address: "10.0.0.1", source_port: 40_000 },
			...{ destination_address: "10.0.0.2", destination_port: 443 },
			...{ packets_original: 1, bytes_original: null, packets_reply: 0, bytes_reply: 0 },
			...{ connection_mark: 9, netns: 77, nat: null, pid: null, process: null },
		});
	});

	test("is reported once", () => {
		const all = accounts();
		all.begin(message(), at(0));
		expect(all.begin(message(), at(1))).toBeNull();
		expect(all.size).toBe(1);
	});

	test("of which nobody told is what a dump finds", () => {
		const all = accounts();
		all.beginDump();
		expect(all.see(after(3), at(0))).toMatchObject({ event: "update", packets_original: 3 });
		expect(all.begin(message(), at(0))).toBeNull();
	});
});

describe("the curve (ProbeCurve)", () => {
	test("a flow that moves all the time is reported when its age says so", () => {
		// Whatever the wall clock is set by meanwhile.
		for (const by of [0, 3600, -3600]) {
			const all = accounts();
			all.begin(message(), at(0));
			const reported: number[] = [];
			for (let second = 1; second <= 1000; second++)
				if (all.see(after(1 + second), at(second, by)) !== null) reported.push(second);
			expect(reported).toEqual([20, 40, 60, 120, 180, 240, 300, 600, 900]);
		}
	});

	test("before its first age there is the first packet alone", () => {
		const all = accounts([{ ageMs: 10_000, intervalMs: 1000 }]);
		expect(all.begin(message(), at(0))).not.toBeNull();
		expect(all.see(after(2), at(9))).toBeNull();
		expect(all.see(after(9), at(1000))).toBeNull();
		expect(all.end(over(9), at(1001))).toMatchObject({ packets_original: 9 });
	});

	test("flows from before do not all report at once: the next packet of each does", () => {
		const all = accounts();
		all.adopt(after(50), at(0));
		expect(all.see(after(50), at(1))).toBeNull();
		expect(all.see(after(51), at(2))).not.toBeNull();
		// Its age is taken for that of the second point.
		expect(all.see(after(52), at(61))).toBeNull();
		expect(all.see(after(53), at(62))).not.toBeNull();
	});

	test("their age is known where the kernel keeps it", () => {
		const all = accounts();
		const startNs = BigInt(START_MS + -400 * 1000) * 1_000_000n;
		all.adopt(after(50, { startNs }), at(0));
		expect(all.see(after(51, { startNs }), at(1))).toMatchObject({
			started: "2026-11-22T02:39:58.000000000Z",
		});
		expect(all.see(after(52), at(300))).toBeNull();
		expect(all.see(after(53), at(301))).not.toBeNull();
	});
});

describe("the end (ProbeVerify)", () => {
	test("has the last counters, and the id of the beginning", () => {
		const all = accounts();
		const first = all.begin(message(), at(0));
		const last = all.end(over(5), at(1));
		expect(last).toMatchObject({ event: "destroy", packets_original: 5, bytes_original: 500 });
		expect(last.flow_id).toBe(first?.flow_id ?? "");
		expect(all.size).toBe(0);
	});

	test("is reported of a flow that was never seen", () => {
		expect(accounts().end(over(5), at(1))).toMatchObject({ event: "destroy", packets_original: 5 });
	});

	test("a later flow with the same ends and the same number in the kernel has another id", () => {
		const all = accounts();
		const first = all.begin(message(), at(0));
		all.end(over(1), at(1));
		expect(all.begin(message(), at(2))?.flow_id).not.toBe(first?.flow_id ?? "");
	});

	test("a dump that still has it says nothing more", () => {
		const all = accounts();
		all.begin(message(), at(0));
		all.end(over(5), at(1));
		expect(all.see(after(5, { status: 1 << 9 }), at(1))).toBeNull();
	});

	test("a dump that had it before it ended says nothing more, and the next one is another flow", () => {
		const all = accounts();
		all.beginDump();
		all.begin(message(), at(0));
		all.end(over(5), at(1));
		expect(all.see(after(5), at(1))).toBeNull();
		expect(all.size).toBe(0);
		all.beginDump();
		expect(all.see(after(1), at(2))).toMatchObject({ event: "update", packets_original: 1 });
	});
});

describe("an end that nobody told", () => {
	test("is found by a dump, with the counters of the last one that had the flow", () => {
		const all = accounts();
		const startNs = BigInt(START_MS + -400 * 1000) * 1_000_000n;
		all.adopt(after(50, { startNs, mark: 3 }), at(0));
		all.beginDump();
		expect(all.see(after(50, { startNs, mark: 3 }), at(1))).toBeNull();
		expect(all.sweep(at(1))).toEqual([]);
		all.beginDump();
		expect(all.sweep(at(2))).toEqual([
			{
				...{ type: "accounting", time: "2026-11-22T02:46:40.000000000Z", event: "destroy" },
				...{ flow_id: expect.stringMatching(/^[0-9a-f]{16}$/), transport: "tcp" },
				started: "2026-11-22T02:39:58.000000000Z",
				...{ source_address: "10.0.0.1", source_port: 40_000 },
				...{ destination_address: "10.0.0.2", destination_port: 443 },
				...{ packets_original: 50, bytes_original: 5000, packets_reply: 0, bytes_reply: 0 },
				...{ connection_mark: 3, netns: 77, nat: null, pid: null, process: null },
			},
		]);
		expect(all.size).toBe(0);
	});

	test("has no counters where no dump has ever had it", () => {
		const all = accounts();
		const first = all.begin(message(), at(0));
		all.beginDump();
		const [last] = all.sweep(at(1));
		expect(last).toMatchObject({ event: "destroy", packets_original: null, bytes_reply: null });
		expect(last?.flow_id).toBe(first?.flow_id ?? "");
	});
});

test("where nothing is counted, nothing is known to move", () => {
	const all = accounts([{ ageMs: 0, intervalMs: 1000 }]);
	all.begin(message(), at(0));
	for (let second = 2; second < 9; second++) expect(all.see(message(), at(second))).toBeNull();
});

describe("two flows of one number", () => {
	const other = { original: { ...TUPLE, sourcePort: 40_001 } };

	test("are two", () => {
		const all = accounts();
		const ids = [all.begin(message(), at(0)), all.begin(message(other), at(0))];
		expect(ids[0]?.flow_id).not.toBe(ids[1]?.flow_id ?? "");
		expect(all.end(over(1), at(1)).source_port).toBe(40_000);
		expect(all.end(over(1, other), at(1)).flow_id).toBe(ids[1]?.flow_id ?? "");
		expect(all.size).toBe(0);
	});

	test("of which one is gone leave the other, after a sweep too", () => {
		const all = accounts();
		for (const each of [{}, other]) all.begin(message(each), at(0));
		all.beginDump();
		all.see(after(1, other), at(1));
		expect(all.sweep(at(1))).toMatchObject([{ event: "destroy", source_port: 40_000 }]);
		expect(all.size).toBe(1);
		expect(all.begin(message(other), at(2))).toBeNull();
		expect(all.begin(message(), at(2))).not.toBeNull();
	});
});

describe("two flows of the same ends, one after the other, as hooks may tell of them", () => {
	const first = { entry: 0xa000 };
	const second = { entry: 0xb000 };

	test("the second can begin before the first one's end is told", () => {
		const all = accounts();
		const begun = [first, second].map((which, index) =>
			all.begin(Object.assign(message(), which), at(index)),
		);
		all.beginDump();
		expect(all.see(after(9), at(100))).toMatchObject({ flow_id: begun[1]?.flow_id ?? "" });
		const ended = [first, second].map((which) => all.end(Object.assign(over(5), which), at(101)));
		expect(ended.map(({ flow_id }) => flow_id)).toEqual(begun.map((one) => one?.flow_id ?? ""));
		expect(new Set(ended.map(({ flow_id }) => flow_id)).size).toBe(2);
		expect(all.size).toBe(0);
	});

	test("what a dump has found first is the one that is told then", () => {
		const all = accounts();
		all.beginDump();
		const found = all.see(after(1), at(0));
		expect(all.begin(Object.assign(message(), first), at(0))).toBeNull();
		expect(all.begin(Object.assign(message(), second), at(1))).not.toBeNull();
		expect(all.end(Object.assign(over(5), first), at(2)).flow_id).toBe(found?.flow_id ?? "");
	});
});

test("with patience, a flow is over when a second dump is without it", () => {
	const all = new FlowAccounts({ netns: 77, rate: RATE, maxFlows: 10, patience: 1 });
	all.begin(message(), at(0));
	all.beginDump();
	expect(all.sweep(at(1))).toEqual([]);
	all.beginDump();
	expect(all.sweep(at(2))).toMatchObject([{ event: "destroy" }]);
});

test("what finds no room is counted, and has its beginning and its end", () => {
	const all = accounts(RATE, 1);
	const other = { id: 2, original: { ...TUPLE, sourcePort: 40_001 } };
	all.begin(message(), at(0));
	expect(all.begin(message(other), at(0))).not.toBeNull();
	for (let second = 1; second < 60; second++)
		expect(all.see(after(4, other), at(second))).toBeNull();
	expect([all.size, all.overflow]).toEqual([1, 1]);
	expect(all.end(over(4, other), at(1))).toMatchObject({ packets_original: 4 });
	expect(all.size).toBe(1);
});

test("translated ends are what the other side sees", () => {
	const reply = {
		...{ source: [10, 9, 9, 9], destination: [192, 0, 2, 1] },
		...{ sourcePort: 8443, destinationPort: 61_000, protocol: TCP },
	};
	expect(accounts().begin(message({ reply }), at(0))?.nat).toEqual({
		...{ source_address: "192.0.2.1", source_port: 61_000 },
		...{ destination_address: "10.9.9.9", destination_port: 8443 },
	});
});

test("protocols have their names, or their numbers", () => {
	for (const [protocol, name] of [
		[1, "icmp"],
		[132, "sctp"],
		[255, "255"],
	] as const) {
		const original = { source: [1, 1, 1, 1], destination: [2, 2, 2, 2], protocol };
		expect(accounts().begin(message({ original }), at(0))).toMatchObject({
			...{ transport: name, source_port: null, destination_port: null },
		});
	}
});
