/** What events say of the other end of a connection besides its address: translations, and names. */

import type { EventDecoder } from "../flow/event-decoder.ts";
import { EventRemoteNames, NO_NAMES, type RemoteNames } from "../flow/event-remote-names.ts";
import { type EventNat, EventTranslations, NO_NAT } from "../flow/event-translations.ts";
import type { EventRecord, GapRecord, ReadyRecord, SummaryRecord } from "../flow/records.ts";
import { event } from "../maps/structs.ts";
import { NAMES_HOOK, NameTracer, type NameTracerOptions } from "./name-tracer.ts";
import { Translations } from "./translations.ts";

export class OtherEnds implements Disposable {
	readonly names: NameTracer | null;
	readonly translations = new Translations();
	readonly #nat = new EventTranslations(this.translations);
	readonly #names: EventRemoteNames | null;

	/**
	 * @param dns null: names are not asked for
	 * @throws PermissionError, LibbpfError, RangeError
	 */
	constructor(dns: Partial<NameTracerOptions> | null) {
		this.names = dns === null ? null : NameTracer.open(dns);
		this.#names = this.names === null ? null : new EventRemoteNames(this.names);
	}

	/** Says how they are known. */
	withWays(ready: ReadyRecord): ReadyRecord {
		const { hooks, ...others } = this.translations.withWay(ready);
		return { ...others, hooks: this.names === null ? hooks : { ...hooks, ...NAMES_HOOK } };
	}

	/** @param offsets of each `struct event`; `count` of them */
	natOf(view: DataView, offsets: Int32Array, count: number): EventNat {
		return this.#nat.of(view, offsets, count);
	}

	/** The same. What was answered before them is learned first. */
	namesOf(view: DataView, offsets: Int32Array, count: number): RemoteNames {
		if (this.#names === null || count === 0) return NO_NAMES;
		this.names?.read();
		return this.#names.of(view, offsets, count);
	}

	/** Those that lie one behind the other, with their names. */
	named(view: DataView, decoder: EventDecoder): EventRecord[] {
		const count = view.byteLength / event.size;
		const offsets = Int32Array.from({ length: count }, (_, index) => index * event.size);
		const records = Array.from(offsets, (offset) => decoder.decode(offset));
		applyEnds(records, NO_NAT, this.namesOf(view, offsets, count));
		return records;
	}

	/** Since the last call. */
	takeGaps(): readonly GapRecord[] {
		return this.names?.takeGaps() ?? [];
	}

	/** With what was lost of names. */
	withLosses(summary: SummaryRecord): SummaryRecord {
		return { ...summary, lost: { ...summary.lost, ...this.names?.lost } };
	}

	[Symbol.dispose](): void {
		this.names?.close();
		this.translations[Symbol.dispose]();
	}
}

/** Puts them into records of the same order. */
export function applyEnds(events: readonly EventRecord[], nat: EventNat, names: RemoteNames): void {
	for (const [index, translation] of nat) Object.assign(events[index] ?? {}, { nat: translation });
	for (const [index, remote_name] of names) Object.assign(events[index] ?? {}, { remote_name });
}
