/** What was meant, where a name is mistyped. */

/** Longer than any name with a mistake in it: looking for one takes the square of this. */
const MOST_LETTERS = 100;

/** The most alike of the candidates; null where none is alike enough to be what was meant. */
export function nearest(typed: string, candidates: readonly string[]): string | null {
	if (typed.length > MOST_LETTERS) return null;
	let best: string | null = null;
	let bestDistance = Math.max(1, Math.floor(typed.length / 3)) + 1;
	for (const candidate of candidates) {
		const distance = editDistance(typed.toLowerCase(), candidate);
		if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
	}
	return best;
}

/** Letters to add, drop, change, or swap with their neighbour. */
export function editDistance(from: string, to: string): number {
	let beforeLast: number[] = [];
	let last = Array.from({ length: to.length + 1 }, (_, column) => column);
	for (let row = 1; row <= from.length; row++) {
		const current = [row];
		for (let column = 1; column <= to.length; column++) {
			const same = from[row - 1] === to[column - 1];
			const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
			current[column] = Math.min(
				(last[column] ?? 0) + 1,
				(current[column - 1] ?? 0) + 1,
				(last[column - 1] ?? 0) + (same ? 0 : 1),
				isSwap ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
			);
		}
		[beforeLast, last] = [last, current];
	}
	return last[to.length] ?? 0;
}
