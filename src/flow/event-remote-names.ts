/** Names of the remote addresses that events are about: a connection keeps the one that it was opened to. */

import { readU64 } from "../maps/codec.ts";
import { EVENT_TYPE } from "../maps/enums.ts";
import { event } from "../maps/structs.ts";
import { RecordTexts } from "./record-texts.ts";

/** Whom to ask. */
export interface NameSource {
	/** @param openedMs of CLOCK_MONOTONIC */
	nameAt(netns: number, address: string, openedMs: number): string | null;
}

/** Index of an event → the name of its remote address, if there is one. */
export type RemoteNames = ReadonlyMap<number, string>;

export const NO_NAMES: RemoteNames = new Map();

/** Connections whose name is kept for their next event. */
const MOST_KNOWN = 65_536;
const NS_PER_MS = 1_000_000;
const at = event.offsets;

export class EventRemoteNames {
	readonly #source: NameSource;
	readonly #texts = new RecordTexts();
	/** Id of a connection → its name; the oldest comes first. */
	readonly #known = new Map<number, string>();

	constructor(source: NameSource) {
		this.#source = source;
	}

	/** @param offsets of each `struct event`; `count` of them */
	of(view: DataView, offsets: Int32Array, count: number): RemoteNames {
		const found = new Map<number, string>();
		for (let index = 0; index < count; index++) {
			const offset = offsets[index] ?? 0;
			const type = view.getUint8(offset + at.type);
			if (type === EVENT_TYPE.EVENT_LISTEN || type === EVENT_TYPE.EVENT_UNLISTEN) continue;
			const id = readU64(view, offset + at.id);
			const name = this.#known.get(id) ?? this.#ask(view, offset);
			if (name === null) continue;
			found.set(index, name);
			if (type === EVENT_TYPE.EVENT_CLOSE || type === EVENT_TYPE.EVENT_CONNECT_FAILED)
				this.#known.delete(id);
			else this.#keep(id, name);
		}
		return found;
	}

	#ask(view: DataView, offset: number): string | null {
		const isOpenedKnown = readU64(view, offset + at.opened_ns) !== 0;
		const time = readU64(view, offset + (isOpenedKnown ? at.opened_ns : at.time_ns));
		const address = this.#texts.address(view, offset + at.remote_address);
		return this.#source.nameAt(view.getUint32(offset + at.netns, true), address, time / NS_PER_MS);
	}

	#keep(id: number, name: string): void {
		if (this.#known.has(id)) return;
		this.#known.set(id, name);
		if (this.#known.size <= MOST_KNOWN) return;
		for (const oldest of this.#known.keys()) {
			this.#known.delete(oldest);
			return;
		}
	}
}
