/** What Acceptors ask of events, read from where they lie. */

import { readU64 } from "../maps/codec.ts";
import { ATTRIBUTION, EVENT_TYPE } from "../maps/enums.ts";
import { event } from "../maps/structs.ts";
import type { EventFields } from "./acceptors.ts";

const at = event.offsets;

export class EventFieldsInPlace implements EventFields {
	readonly count: number;
	readonly #view: DataView;
	readonly #offsets: Int32Array;

	/** @param offsets of each `struct event`; `count` of them */
	constructor(view: DataView, offsets: Int32Array, count: number) {
		this.#view = view;
		this.#offsets = offsets;
		this.count = count;
	}

	isAcceptOfListener(index: number): boolean {
		return this.#is(index, EVENT_TYPE.EVENT_ACCEPT, ATTRIBUTION.ATTRIBUTION_LISTENER);
	}

	isCloseByHolder(index: number): boolean {
		return this.#is(index, EVENT_TYPE.EVENT_CLOSE, ATTRIBUTION.ATTRIBUTION_SCAN);
	}

	id(index: number): number {
		return readU64(this.#view, this.#offset(index) + at.id);
	}

	netns(index: number): number {
		return this.#view.getUint32(this.#offset(index) + at.netns, true);
	}

	localPort(index: number): number {
		return this.#view.getUint16(this.#offset(index) + at.local_port, true);
	}

	pid(index: number): number {
		return this.#view.getUint32(this.#offset(index) + at.pid, true);
	}

	#is(index: number, type: number, attribution: number): boolean {
		const offset = this.#offset(index);
		return (
			this.#view.getUint8(offset + at.type) === type &&
			this.#view.getUint8(offset + at.attribution) === attribution
		);
	}

	#offset(index: number): number {
		return this.#offsets[index] ?? 0;
	}
}
