/** Which of the idle connections a fold looks at. */

const TURNS = 8;
/** TURNS is also the turn that is everybody's: EVERY_TURN of bpf/conntracer.h. */
export const EVERY_TURN = TURNS;
/** So many are looked at in each fold: two ends of 8,192 connections on one machine. */
const MANY = 16_384;
/** What idle connections move must not come later than TURNS times this. */
const LONGEST_MS = 2000;

/**
 * All of them; but where there are very many, an eighth by turns. What one moves after it has been
 * idle then comes up to seven folds later; what it moves next does not.
 */
export class FoldTurns {
	#turn = 0;
	#count = 0;

	/** @param sinceLastMs how long ago the last fold was */
	next(sinceLastMs: number): number {
		if (this.#count <= MANY || sinceLastMs > LONGEST_MS) return EVERY_TURN;
		this.#turn = (this.#turn + 1) % TURNS;
		return this.#turn;
	}

	/** How many connections the last fold came across. */
	found(count: number): void {
		this.#count = count;
	}
}
