/** Open connections, as they were shown last: of what has not changed since no record is made anew. */

import { EventDecoder, type EventNames } from "../flow/event-decoder.ts";
import { bytesAt, tcpStateName } from "../flow/kernel-names.ts";
import type { ConnectionFields, EventRecord } from "../flow/records.ts";
import { readU64 } from "../maps/codec.ts";
import { event } from "../maps/structs.ts";
import type { OtherEnds } from "./other-ends.ts";

const at = event.offsets;

export class ShownConnections {
	readonly #names: EventNames;
	readonly #ends: OtherEnds;
	/** By id. */
	#known = new Map<number, ConnectionFields>();

	constructor(names: EventNames, ends: OtherEnds) {
		this.#names = names;
		this.#ends = ends;
	}

	/**
	 * All that are open; the same objects as last time where nothing has changed.
	 *
	 * @param show calls back with `struct event` after `struct event`, as often as it likes
	 */
	look(show: (take: (records: DataView) => void) => void): ConnectionFields[] {
		const open = new Map<number, ConnectionFields>();
		const fresh: [id: number, fields: ConnectionFields][] = [];
		show((records) => {
			const changed: number[] = [];
			for (let offset = 0; offset < records.byteLength; offset += event.size) {
				const id = readU64(records, offset + at.id);
				const known = this.#known.get(id);
				if (known !== undefined && isSame(records, offset, known)) open.set(id, known);
				else changed.push(offset);
			}
			const decoder = new EventDecoder(records, this.#names);
			const made = this.#ends.named(records, decoder, Int32Array.from(changed));
			for (const [index, record] of made.entries())
				fresh.push([readU64(records, (changed[index] ?? 0) + at.id), fieldsOf(record)]);
		});
		const nat = this.#ends.translations.table(new Set(fresh.map(([, { netns }]) => netns)));
		for (const [id, fields] of fresh) open.set(id, { ...fields, nat: nat.find(fields) });
		this.#known = open;
		return [...open.values()];
	}
}

/** Whatever of an open connection can change does not without one of these. */
function isSame(records: DataView, offset: number, known: ConnectionFields): boolean {
	return (
		records.getUint32(offset + at.segments_received, true) === known.segments_received &&
		records.getUint32(offset + at.segments_sent, true) === known.segments_sent &&
		bytesAt(records, offset + at.bytes_sent) === known.bytes_sent &&
		bytesAt(records, offset + at.bytes_received) === known.bytes_received &&
		records.getUint32(offset + at.segments_retransmitted, true) === known.segments_retransmitted &&
		records.getUint32(offset + at.pid, true) === (known.pid ?? 0) &&
		tcpStateName(records.getUint8(offset + at.state)) === known.state
	);
}

function fieldsOf(record: EventRecord): ConnectionFields {
	const { type, time, cpu, event: _, error, close_reason, ...fields } = record;
	return fields;
}
