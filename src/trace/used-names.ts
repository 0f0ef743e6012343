/** The names that a tracer of something else uses: of a tracer of its own, which goes with it, or of one that it shares. */

import type { GapRecord, ReadyRecord, SummaryRecord } from "../flow/records.ts";
import { NameTracer, type NameTracerOptions } from "./name-tracer.ts";

/** Null: none. One that is open already is used, and left open; what it loses its owner tells. */
export type DnsOption = Partial<NameTracerOptions> | NameTracer | null;

/** Of one tracer. */
export class UsedNames implements Disposable {
	/** Null where names are not asked for. */
	readonly tracer: NameTracer | null;
	readonly #own: NameTracer | null;

	/** @throws PermissionError, LibbpfError, RangeError */
	constructor(dns: DnsOption | undefined) {
		const isShared = dns instanceof NameTracer;
		this.#own = dns === null || dns === undefined || isShared ? null : NameTracer.open(dns);
		this.tracer = isShared ? dns : this.#own;
	}

	/** How they are known, as the `ready` record says it. */
	get hooks(): ReadyRecord["hooks"] {
		return this.tracer === null ? {} : { dns: "packet_socket" };
	}

	/** Since the last call. */
	takeGaps(): readonly GapRecord[] {
		return this.#own?.takeGaps() ?? [];
	}

	/** With what was lost of names. */
	withLosses(summary: SummaryRecord): SummaryRecord {
		return { ...summary, lost: { ...summary.lost, ...this.#own?.lost } };
	}

	[Symbol.dispose](): void {
		this.#own?.close();
	}
}
