/** What is known of processes beyond their names. */

import type { Image } from "../flow/image-decoder.ts";
import { hasOwnProc } from "./pid-namespace.ts";
import { type ProcessDetails, processDetails, processStart } from "./proc-pid.ts";

export interface ProcessesOptions {
	readonly look?: (pid: number) => ProcessDetails;
	/** When a process started, in ticks of /proc/PID/stat; null once it is gone. */
	readonly startOf?: (pid: number) => number | null;
	/** Milliseconds of a clock that never goes back. */
	readonly now?: () => number;
	/** When so many are remembered, those are forgotten that were not asked for longest. */
	readonly capacity?: number;
}

interface Entry {
	readonly details: ProcessDetails;
	readonly until: number;
}

/** A process id can be given again, and a program can become another one: asked anew after that. */
const LIFETIME_MS = 1000;
/** USER_HZ is 100 on every architecture that there is Bun for. */
const NS_PER_TICK = 1e7;
const UNKNOWN: ProcessDetails = { executable: null, commandLine: null };

function isSameStart(ticks: number | null, started: number): boolean {
	return ticks !== null && ticks >>> 0 === started >>> 0;
}

export class Processes {
	readonly #entries = new Map<string, Entry>();
	readonly #images = new Map<number, Image | ProcessDetails>();
	readonly #look: (pid: number) => ProcessDetails;
	readonly #startOf: (pid: number) => number | null;
	readonly #now: () => number;
	readonly #capacity: number;

	constructor({
		look = hasOwnProc() ? processDetails : () => UNKNOWN,
		startOf = processStart,
		now = () => performance.now(),
		capacity = 16_384,
	}: ProcessesOptions = {}) {
		this.#look = look;
		this.#startOf = startOf;
		this.#now = now;
		this.#capacity = capacity;
	}

	/** What the kernel side has seen for itself. */
	learn(image: Image): void {
		this.#remember(image.id, image);
	}

	/** Of a process as it was when the image was taken, whatever it is now. */
	detailsOfImage(id: number): ProcessDetails {
		const known = this.#images.get(id);
		if (known === undefined) return UNKNOWN;
		this.#images.delete(id);
		const details = "pid" in known ? this.#complete(known) : known;
		this.#remember(id, details);
		return details;
	}

	/**
	 * `name` is the one that the process had when it was seen: exec() gives it another one. `started`
	 * is in ticks, its low 32 bits; another process that has the pid now has another start.
	 */
	detailsOf(pid: number, name: string | null, started: number): ProcessDetails {
		const key = `${pid} ${name} ${started}`;
		const known = this.#entries.get(key);
		const now = this.#now();
		if (known !== undefined && now < known.until) return known.details;
		if (this.#entries.size >= this.#capacity) this.#entries.clear();
		const details = this.#detailsSince(pid, started);
		// Of a process that is gone, what was known of it stays true.
		const kept = details.executable === null && known !== undefined ? known.details : details;
		this.#entries.set(key, { details: kept, until: now + LIFETIME_MS });
		return kept;
	}

	/** The start is read last: until then it was the same process. */
	#detailsSince(pid: number, started: number): ProcessDetails {
		const details = this.#look(pid);
		return isSameStart(this.#startOf(pid), started) ? details : UNKNOWN;
	}

	/** Asks /proc for the rest, and believes it only if it still speaks of the same program. */
	#complete({ pid, startedNs, executable }: Image): ProcessDetails {
		const now = this.#detailsSince(pid, Math.floor(startedNs / NS_PER_TICK));
		if (executable === null) return now;
		return { executable, commandLine: now.executable === executable ? now.commandLine : null };
	}

	#remember(id: number, what: Image | ProcessDetails): void {
		const [oldest] = this.#images.keys();
		if (this.#images.size >= this.#capacity && oldest !== undefined) this.#images.delete(oldest);
		this.#images.set(id, what);
	}
}
