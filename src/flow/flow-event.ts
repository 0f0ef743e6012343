/** `struct flow_event` in place: what a hook of conntrack tells of a flow. */

import { readU64 } from "../maps/codec.ts";
import { flowEvent, flowTuple } from "../maps/conntrack-structs.ts";
import {
	type CtFlow,
	type FlowTuple,
	isReverse,
	newFlowTuple,
	readInstant,
	tupleId,
} from "../maps/ct-flow.ts";
import type { ClockHistory } from "./clock-history.ts";
import { hasPorts } from "./protocols.ts";
import { WallClock } from "./wall-clock.ts";

const at = flowEvent.offsets;
const of = flowTuple.offsets;
const ADDRESS = 16;
const WORD = 2 ** 32;

export class FlowEvent implements CtFlow {
	readonly original = newFlowTuple();
	readonly reply = newFlowTuple();
	id = 0;
	entry = 0;
	zone = 0;
	status = 0;
	mark = 0;
	/** Inode number of the network namespace. */
	netns = 0;
	packetsOriginal: number | null = null;
	bytesOriginal: number | null = null;
	packetsReply: number | null = null;
	bytesReply: number | null = null;
	hasStart = false;
	readonly start = { seconds: 0, ns: 0 };
	readonly hasTime = true;
	readonly time = { seconds: 0, ns: 0 };
	isBeginning = false;
	readonly #clocks: ClockHistory;
	readonly #clock: WallClock;

	constructor(clocks: ClockHistory) {
		this.#clocks = clocks;
		this.#clock = new WallClock(clocks);
	}

	read(view: DataView, offset: number): void {
		this.netns = view.getUint32(offset + at.netns, true);
		// Of an address, what addresses differ in.
		this.entry =
			view.getUint16(offset + at.entry + 4, true) * WORD + view.getUint32(offset + at.entry, true);
		this.mark = view.getUint32(offset + at.mark, true);
		this.status = view.getUint32(offset + at.status, true);
		this.zone = view.getUint16(offset + at.zone, true);
		this.isBeginning = view.getUint8(offset + at.is_over) === 0;
		const protocol = view.getUint8(offset + at.l4_proto);
		readTuple(this.original, view, offset + at.original, protocol);
		readTuple(this.reply, view, offset + at.reply, protocol);
		this.id = tupleId(this);
		const isCounted = view.getUint8(offset + at.is_counted) !== 0;
		this.packetsOriginal = isCounted ? readU64(view, offset + at.packets_original) : null;
		this.bytesOriginal = isCounted ? readU64(view, offset + at.bytes_original) : null;
		this.packetsReply = isCounted ? readU64(view, offset + at.packets_reply) : null;
		this.bytesReply = isCounted ? readU64(view, offset + at.bytes_reply) : null;
		readInstant(view, offset + at.started_ns, true, this.start);
		this.hasStart = this.start.seconds !== 0;
		this.#clock.read(this.#clocks.since(view, offset + at.time_ns), this.time);
	}

	get isTranslated(): boolean {
		return !isReverse(this.original, this.reply);
	}
}

function readTuple(into: FlowTuple, view: DataView, offset: number, protocol: number): void {
	for (let i = 0; i < ADDRESS; i++) {
		into.source[i] = view.getUint8(offset + of.source + i);
		into.destination[i] = view.getUint8(offset + of.destination + i);
	}
	const source = view.getUint16(offset + of.source_port, true);
	const destination = view.getUint16(offset + of.destination_port, true);
	into.protocol = protocol;
	into.key = (source << 16) | destination;
	into.sourcePort = hasPorts(protocol) ? source : null;
	into.destinationPort = hasPorts(protocol) ? destination : null;
}
