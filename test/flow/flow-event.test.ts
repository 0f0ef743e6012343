import { expect, test } from "bun:test";
import fc from "fast-check";
import { FlowEvent } from "../../src/flow/flow-event.ts";
import { flowEvent } from "../../src/maps/conntrack-structs.ts";
import { type CtFlow, tupleId } from "../../src/maps/ct-flow.ts";
import { CT_DELETE, CT_NEW, CtMessage } from "../../src/maps/ctnetlink.ts";
import { clocksOf } from "../support/clocks.ts";
import { type CtTuple, ctMessage } from "../support/ct-messages.ts";

const BOOTED_NS = 1_795_315_000_000_000_001n;
const [ICMP, ICMPV6, PORTLESS] = [1, 58, 50];

const byte = fc.integer({ min: 0, max: 255 });
const word = fc.integer({ min: 0, max: 65_535 });
const count = fc.record({ packets: fc.nat(), bytes: fc.maxSafeNat() });

const hosts = fc
	.constantFrom(4, 16)
	.chain((length) =>
		fc.tuple(...[0, 1].map(() => fc.array(byte, { minLength: length, maxLength: length }))),
	);
/** What tells a flow from others between two hosts: ports, or of ICMP three numbers, or nothing. */
const parts = fc.record({
	kind: fc.constantFrom("ports", "icmp", "none"),
	...{ protocol: fc.constantFrom(6, 17, 33, 47, 132, 136), source: word, destination: word },
	code: fc.tuple(byte, byte),
});
const flows = fc.record({
	...{ hosts, parts, zone: word, mark: fc.nat(), status: fc.nat(0xffff), isOver: fc.boolean() },
	...{ counters: fc.option(fc.tuple(count, count)), monotonicNs: fc.maxSafeNat() },
	startNs: fc.option(fc.bigInt({ min: 10n ** 9n, max: 2n ** 63n })),
});
type Flow = typeof flows extends fc.Arbitrary<infer T> ? T : never;

function tupleOf({ hosts: [source = [], destination = []], parts }: Flow): CtTuple {
	const [type, code] = parts.code;
	const isIpv4 = source.length === 4;
	if (parts.kind === "none") return { source, destination, protocol: PORTLESS };
	if (parts.kind === "icmp")
		return {
			...{ source, destination, protocol: isIpv4 ? ICMP : ICMPV6 },
			icmp: [parts.source, type, code],
		};
	const ports = { sourcePort: parts.source, destinationPort: parts.destination };
	return { source, destination, protocol: parts.protocol, ...ports };
}

const wide = (address: readonly number[]): Uint8Array =>
	Uint8Array.from(address.length === 4 ? [...Array(10).fill(0), 255, 255, ...address] : address);

/** As the kernel side writes it: u16 of the tuple, whatever they mean. */
function fromHook(flow: Flow): FlowEvent {
	const { source, destination, protocol, sourcePort, destinationPort, icmp } = tupleOf(flow);
	const [id = 0, type = 0, code = 0] = icmp ?? [];
	const [first, second] = [sourcePort ?? id, destinationPort ?? (type << 8) | code];
	const original = {
		...{ source: wide(source), destination: wide(destination) },
		...{ source_port: first, destination_port: second },
	};
	const reply = {
		...{ source: original.destination, destination: original.source },
		...{ source_port: second, destination_port: first },
	};
	const [out, back] = flow.counters ?? [];
	const bytes = flowEvent.encode({
		...{ entry: 0xffff_8881_2345_6780n, time_ns: flow.monotonicNs, started_ns: flow.startNs ?? 0n },
		...{ packets_original: out?.packets ?? 0, bytes_original: out?.bytes ?? 0 },
		...{ packets_reply: back?.packets ?? 0, bytes_reply: back?.bytes ?? 0 },
		...{ original, reply, netns: 77, mark: flow.mark, status: flow.status, zone: flow.zone },
		...{ l4_proto: protocol, is_over: Number(flow.isOver) },
		...{ is_counted: Number(flow.counters !== null), pad: new Uint8Array(7) },
	});
	const event = new FlowEvent(clocksOf({ realtimeNs: BOOTED_NS }));
	event.read(new DataView(bytes.buffer, bytes.byteOffset), 0);
	return event;
}

function fromNetlink(flow: Flow): CtMessage {
	const counters = flow.counters?.map((one) => ({ ...one, bytes: BigInt(one.bytes) }));
	const [out, back] = counters ?? [];
	const bytes = ctMessage({
		...{ type: flow.isOver ? CT_DELETE : CT_NEW, original: tupleOf(flow) },
		...{ mark: flow.mark, status: flow.status, zone: flow.zone },
		...(out === undefined || back === undefined ? {} : { counters: [out, back] as const }),
		...(flow.startNs === null ? {} : { startNs: flow.startNs }),
		timeNs: BOOTED_NS + BigInt(flow.monotonicNs),
	});
	const message = new CtMessage(bytes);
	message.read(0, bytes.length);
	return message;
}

const told = (flow: CtFlow): unknown => ({
	...{ original: flow.original, reply: { ...flow.reply, key: 0 }, id: tupleId(flow) },
	...{ zone: flow.zone, status: flow.status, mark: flow.mark, isBeginning: flow.isBeginning },
	...{ packets: [flow.packetsOriginal, flow.packetsReply], isTranslated: flow.isTranslated },
	...{ bytes: [flow.bytesOriginal, flow.bytesReply], hasStart: flow.hasStart },
	...{ start: flow.hasStart ? flow.start : null, time: flow.hasTime ? flow.time : null },
});

test("a hook and ctnetlink tell the same of a flow, and know it by the same id", () => {
	fc.assert(
		fc.property(flows, (flow) => {
			const event = fromHook(flow);
			expect(told(event)).toEqual(told(fromNetlink(flow)));
			const { id, netns, entry } = event;
			expect({ id, netns, entry }).toEqual({
				id: tupleId(event),
				netns: 77,
				entry: 0x8881_2345_6780,
			});
		}),
	);
});

test("flows that a table can have at one time are told apart", () => {
	const flow = { mark: 0, status: 8, isOver: false, counters: null, monotonicNs: 1, startNs: null };
	const hosts = [10, 11].map((last) => [10, 0, 0, last]);
	const ends = { hosts, zone: 0 };
	const icmp = { kind: "icmp", protocol: 1, source: 5, destination: 0, code: [8, 0] } as const;
	const of = (more: object): number =>
		fromHook({ ...flow, ...ends, parts: icmp, ...more } as unknown as Flow).id;
	const ids = [
		of({}),
		of({ zone: 1 }),
		of({ parts: { ...icmp, source: 6 } }),
		of({ parts: { ...icmp, code: [0, 0] } }),
		of({ hosts: hosts.toReversed() }),
	];
	expect(new Set(ids).size).toBe(ids.length);
	expect(of({})).toBe(ids[0] as number);
});
