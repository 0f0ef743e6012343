/** What nobody can be told, for each client until it asks. */

import type { GapRecord, SummaryRecord } from "../flow/records.ts";
import { NOTHING_LOST } from "./losses.ts";

/** Of one client, that wait for it: of more, the newest. */
const MOST_GAPS = 1000;

export class ClientGaps {
	/** Since the start. */
	readonly totals: SummaryRecord["lost"];
	readonly #lost = { ...NOTHING_LOST };
	readonly #waiting = new Map<string, GapRecord[]>();

	constructor() {
		this.totals = this.#lost;
	}

	/** @param isKnown whether a client is one still */
	keep(gaps: readonly GapRecord[], isKnown: (clientId: string) => boolean): void {
		for (const { stage, count } of gaps) this.#lost[stage] += count;
		for (const [client, waiting] of this.#waiting) {
			if (!isKnown(client)) {
				this.#waiting.delete(client);
				continue;
			}
			waiting.push(...gaps);
			waiting.splice(0, waiting.length - MOST_GAPS);
		}
	}

	/** Since its last question; from now on they are kept for it. */
	take(clientId: string): readonly GapRecord[] {
		const waiting = this.#waiting.get(clientId) ?? [];
		this.#waiting.set(clientId, []);
		return waiting;
	}

	forget(clientId: string): void {
		this.#waiting.delete(clientId);
	}
}
