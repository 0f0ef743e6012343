/**
 * Processes and threads that have come lately: by them a network namespace is found that lives for a
 * second. The kernel tells nobody of a new one without BPF, but gives each process the next number,
 * and /proc/loadavg says which was the last: docs/adr/0037-new-namespaces-by-new-processes.md.
 */

import { lastProcessId, networkNamespaceOf } from "../enrich/procfs.ts";

/** New ones of one look, the latest. A walk through all processes finds the others. */
const MOST_NEW = 256;
/** Looked at once more, in one look. */
const MOST_AGAIN = 512;
/** A process goes to its namespace after it was made, and before it does its work. Each look is twice as far from the first as the one before. */
const MOST_LOOKS = 6;

interface Young {
	/** Looks at it. */
	seen: number;
	/** Looks until the next one. */
	wait: number;
}

export class YoungProcesses {
	#last = lastProcessId();
	readonly #young = new Map<number, Young>();

	/** Network namespaces that young ones are in, by inode number, with their paths. */
	namespaces(): Map<number, string> {
		const found = new Map<number, string>();
		let left = MOST_AGAIN;
		for (const [id, young] of this.#young) {
			if (--young.wait > 0 || left-- <= 0) continue;
			this.#look(id, young, found);
		}
		for (const id of this.#newOnes()) this.#look(id, { seen: 0, wait: 0 }, found);
		return found;
	}

	#look(id: number, young: Young, found: Map<number, string>): void {
		const namespace = networkNamespaceOf(id);
		young.wait = 2 ** young.seen;
		if (namespace === null || ++young.seen === MOST_LOOKS) {
			this.#young.delete(id);
			return;
		}
		if (young.seen === 1 && this.#young.size < MOST_AGAIN) this.#young.set(id, young);
		if (!found.has(namespace.inode)) found.set(namespace.inode, namespace.path);
	}

	/** Numbers begin anew at their end: then those before it are left to the walk. */
	#newOnes(): number[] {
		const [before, last] = [this.#last, lastProcessId()];
		this.#last = last;
		if (last === null || before === last) return [];
		const first = before === null || last < before ? 1 : before + 1;
		const from = Math.max(first, last - MOST_NEW + 1);
		return Array.from({ length: last - from + 1 }, (_, index) => from + index);
	}
}
