/** Which of the open connections a fold looks at. */

export interface Fold {
	/** Else those that are known not to be idle. */
	readonly ofAll: boolean;
	/** From now on the kernel side notes which ones are not idle. */
	readonly keepsAwake: boolean;
}

export interface FoldResult {
	/** How many there were in the last fold of all. */
	readonly connections: number;
	/** Not all that are not idle could be noted. */
	readonly isAwakeFull: boolean;
}

export const OF_ALL: Fold = { ofAll: true, keepsAwake: false };
const OF_ALL_FOR_NEXT: Fold = { ofAll: true, keepsAwake: true };
const OF_AWAKE: Fold = { ofAll: false, keepsAwake: true };

/** One in so many folds is of all. */
const FOLDS = 8;
/** More than these are very many: two ends of 8,192 connections on one machine. */
const MANY = 16_384;
/** What idle connections move must not come later than FOLDS times this. */
const LONGEST_MS = 2000;

/**
 * All of them; but where there are very many, seven folds of eight leave out those that are idle. What
 * one moves after it has been idle then comes up to seven folds later; what it moves next does not.
 */
export class FoldPlan {
	/** Folds since one of all that had the others noted. */
	#since = FOLDS;
	#isMany = false;
	#isAwakeFull = false;

	/** @param sinceLastMs how long ago the last fold was */
	next(sinceLastMs: number): Fold {
		if (!this.#isMany || sinceLastMs > LONGEST_MS) {
			this.#since = FOLDS;
			return OF_ALL;
		}
		this.#since++;
		if (this.#since < FOLDS && !this.#isAwakeFull) return OF_AWAKE;
		this.#since = 0;
		return OF_ALL_FOR_NEXT;
	}

	found({ connections, isAwakeFull }: FoldResult): void {
		this.#isMany = connections > MANY;
		this.#isAwakeFull = isAwakeFull;
	}
}
