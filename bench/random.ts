/** A shuffle that can be had again. */

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
export function random(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** A new array (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], next: () => number): T[] {
	const result = [...items];
	for (let last = result.length - 1; last > 0; last--) {
		const other = Math.floor(next() * (last + 1));
		const [a, b] = [result[last], result[other]];
		if (a !== undefined && b !== undefined) [result[last], result[other]] = [b, a];
	}
	return result;
}
