/** What is known of processes beyond their names. */

import { type ProcessDetails, processDetails } from "./procfs.ts";

export interface ProcessesOptions {
	readonly look?: (pid: number) => ProcessDetails;
	/** Milliseconds of a clock that never goes back. */
	readonly now?: () => number;
	/** When so many are remembered, all are forgotten. */
	readonly capacity?: number;
}

interface Entry {
	readonly details: ProcessDetails;
	readonly until: number;
}

/** A process id can be given again, and a program can become another one: asked anew after that. */
const LIFETIME_MS = 1000;

export class Processes {
	readonly #entries = new Map<string, Entry>();
	readonly #look: (pid: number) => ProcessDetails;
	readonly #now: () => number;
	readonly #capacity: number;

	constructor({
		look = processDetails,
		now = () => performance.now(),
		capacity = 16_384,
	}: ProcessesOptions = {}) {
		this.#look = look;
		this.#now = now;
		this.#capacity = capacity;
	}

	/** `name` is the one that the process had when it was seen: exec() gives it another one. */
	detailsOf(pid: number, name: string | null): ProcessDetails {
		const key = `${pid} ${name}`;
		const known = this.#entries.get(key);
		const now = this.#now();
		if (known !== undefined && now < known.until) return known.details;
		if (this.#entries.size >= this.#capacity) this.#entries.clear();
		const details = this.#look(pid);
		// Of a process that is gone, what was known of it stays true.
		const kept = details.executable === null && known !== undefined ? known.details : details;
		this.#entries.set(key, { details: kept, until: now + LIFETIME_MS });
		return kept;
	}
}
