/** What events say of the other end of a connection besides its address: translations, and names. */

import type { EventDecoder } from "../flow/event-decoder.ts";
import { EventRemoteNames, NO_NAMES, type RemoteNames } from "../flow/event-remote-names.ts";
import { type EventNat, EventTranslations, NO_NAT } from "../flow/event-translations.ts";
import type { EventRecord, ReadyRecord } from "../flow/records.ts";
import { Translations } from "./translations.ts";
import { type DnsOption, UsedNames } from "./used-names.ts";

export class OtherEnds implements Disposable {
	readonly names: UsedNames;
	readonly translations = new Translations();
	readonly #nat = new EventTranslations(this.translations);
	/** Null where names are not asked for. */
	readonly #names: EventRemoteNames | null;

	/** @throws PermissionError, LibbpfError, RangeError */
	constructor(dns: DnsOption | undefined) {
		this.names = new UsedNames(dns);
		const { tracer } = this.names;
		this.#names = tracer === null ? null : new EventRemoteNames(tracer);
	}

	/** Says how they are known. */
	withWays(ready: ReadyRecord): ReadyRecord {
		const { hooks, ...others } = this.translations.withWay(ready);
		return { ...others, hooks: { ...hooks, ...this.names.hooks } };
	}

	/** @param offsets of each `struct event`; `count` of them */
	natOf(view: DataView, offsets: Int32Array, count: number): EventNat {
		return this.#nat.of(view, offsets, count);
	}

	/** The same. What was answered before them is learned first. */
	namesOf(view: DataView, offsets: Int32Array, count: number): RemoteNames {
		if (this.#names === null || count === 0) return NO_NAMES;
		this.names.tracer?.tryRead();
		return this.#names.of(view, offsets, count);
	}

	/** Records of those at `offsets`, with their names. */
	named(view: DataView, decoder: EventDecoder, offsets: Int32Array): EventRecord[] {
		const records = Array.from(offsets, (offset) => decoder.decode(offset));
		applyEnds(records, NO_NAT, this.namesOf(view, offsets, offsets.length));
		return records;
	}

	[Symbol.dispose](): void {
		this.names[Symbol.dispose]();
		this.translations[Symbol.dispose]();
	}
}

/** Puts them into records of the same order. */
export function applyEnds(events: EventRecord[], nat: EventNat, names: RemoteNames): void {
	const change = (index: number, known: Partial<EventRecord>): void => {
		const event = events[index];
		if (event !== undefined) events[index] = { ...event, ...known };
	};
	for (const [index, translation] of nat) change(index, { nat: translation });
	for (const [index, remote_name] of names) change(index, { remote_name });
}
