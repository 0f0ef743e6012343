/** Network namespaces that cannot be listened to for want of files, memory or rights: each is counted once. */

import { type Refusal, remedyFor } from "./netns.ts";

export class RefusedNamespaces {
	/** There are more than we listen to. */
	static readonly TOO_MANY: Refusal = -1;
	/** By inode number: as long as it is so. */
	readonly #refused = new Set<number>();
	#count = 0;
	#last: Refusal | null = null;

	has(inode: number): boolean {
		return this.#refused.has(inode);
	}

	/** @param refusal null: it is listened to, or gone */
	note(inode: number, refusal: Refusal | null): void {
		if (refusal === null) {
			this.#refused.delete(inode);
			return;
		}
		this.#last = refusal;
		if (this.#refused.has(inode)) return;
		this.#refused.add(inode);
		this.#count++;
	}

	/** Forgets the others. */
	keep(found: ReadonlyMap<number, unknown>): void {
		for (const inode of this.#refused) if (!found.has(inode)) this.#refused.delete(inode);
	}

	/** Since the last call. */
	take(): { readonly count: number; readonly hint: string | null } {
		const [count, last] = [this.#count, this.#last];
		this.#count = 0;
		if (last === null) return { count, hint: null };
		return { count, hint: last === RefusedNamespaces.TOO_MANY ? CHOOSE : remedyFor(last) };
	}
}

const CHOOSE = "choose some: --netns";
