/** What network address translation hides of the connections that events are about. */

import { readU64 } from "../maps/codec.ts";
import type { Tuple } from "../maps/ct-flow.ts";
import { EVENT_TYPE } from "../maps/enums.ts";
import { event } from "../maps/structs.ts";
import type { Translation } from "./records.ts";

/** Whom to ask. */
export interface NatSource {
	/** Whether any connection of this network namespace can be translated now. */
	isActive(netns: number): boolean;
	/** Index of the tuple, as the socket has it → its translation, if it is translated. */
	of(netns: number, tuples: readonly Tuple[]): ReadonlyMap<number, Translation>;
}

/** Index of an event → the translation of its connection. */
export type EventNat = ReadonlyMap<number, Translation>;

export const NO_NAT: EventNat = new Map();
const IPPROTO_TCP = 6;
const ADDRESS_BYTES = 16;
/** Connections whose answer is kept for their next event. */
const MOST_KNOWN = 65_536;
const at = event.offsets;

interface Question {
	readonly index: number;
	readonly id: number;
	readonly tuple: Tuple;
}

export class EventTranslations {
	readonly #source: NatSource;
	/** Id of a connection → what was answered; the oldest comes first. */
	readonly #known = new Map<number, Translation | null>();

	constructor(source: NatSource) {
		this.#source = source;
	}

	/** @param offsets of each `struct event`; `count` of them */
	of(view: DataView, offsets: Int32Array, count: number): EventNat {
		const questions = new Map<number, Question[] | null>();
		const found = new Map<number, Translation>();
		for (let index = 0; index < count; index++) {
			const offset = offsets[index] ?? 0;
			if (isListener(view, offset)) continue;
			const netns = view.getUint32(offset + at.netns, true);
			let asked = questions.get(netns);
			if (asked === undefined) {
				asked = this.#source.isActive(netns) ? [] : null;
				questions.set(netns, asked);
			}
			if (asked === null) continue;
			const id = readU64(view, offset + at.id);
			const known = this.#known.get(id);
			if (known === undefined) asked.push({ index, id, tuple: tupleAt(view, offset) });
			else if (known !== null) found.set(index, known);
		}
		for (const [netns, asked] of questions) if (asked !== null) this.#ask(netns, asked, found);
		return found.size === 0 ? NO_NAT : found;
	}

	#ask(netns: number, asked: readonly Question[], found: Map<number, Translation>): void {
		if (asked.length === 0) return;
		const tuples = asked.map(({ tuple }) => tuple);
		const answers = this.#source.of(netns, tuples);
		for (const [position, { index, id }] of asked.entries()) {
			const answer = answers.get(position) ?? null;
			this.#known.set(id, answer);
			if (answer !== null) found.set(index, answer);
		}
		for (const id of this.#known.keys()) {
			if (this.#known.size <= MOST_KNOWN) break;
			this.#known.delete(id);
		}
	}
}

function isListener(view: DataView, offset: number): boolean {
	const type = view.getUint8(offset + at.type);
	return type === EVENT_TYPE.EVENT_LISTEN || type === EVENT_TYPE.EVENT_UNLISTEN;
}

function tupleAt(view: DataView, offset: number): Tuple {
	const address = (field: number): Uint8Array =>
		new Uint8Array(view.buffer, view.byteOffset + offset + field, ADDRESS_BYTES).slice();
	return {
		source: address(at.local_address),
		destination: address(at.remote_address),
		sourcePort: view.getUint16(offset + at.local_port, true),
		destinationPort: view.getUint16(offset + at.remote_port, true),
		protocol: IPPROTO_TCP,
	};
}
