/** Some events where they lie, and as records where somebody wants those. */

import type { RawEvents } from "./event-decoder.ts";
import type { EventBatch, EventRecord, GapRecord } from "./records.ts";

/** There until the next one is asked for. */
export interface EventSlice extends EventBatch {
	/** What `events` is made of; null where records say more. */
	readonly raw: RawEvents | null;
}

/** Makes the records when they are asked for. */
export class LazySlice implements EventSlice {
	readonly gaps: readonly GapRecord[];
	readonly raw: RawEvents | null;
	readonly #make: () => readonly EventRecord[];
	#events: readonly EventRecord[] | null = null;

	constructor(
		make: () => readonly EventRecord[],
		gaps: readonly GapRecord[],
		raw: RawEvents | null,
	) {
		this.#make = make;
		this.gaps = gaps;
		this.raw = raw;
	}

	get events(): readonly EventRecord[] {
		this.#events ??= this.#make();
		return this.#events;
	}
}
