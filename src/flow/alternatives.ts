/** Values of an option of which one must fit, less those that `!` excludes. */

export interface Alternatives<T> {
	readonly wanted: readonly T[];
	readonly excluded: readonly T[];
}

/**
 * A value may be a comma list. `!` in front of a list excludes all of it, in front of a part that
 * part.
 *
 * @param option the option that they come from, for the error ("--port")
 */
export function parseAlternatives<T>(
	values: readonly string[],
	option: string,
	parse: (text: string, option: string) => T,
): Alternatives<T> {
	const wanted: T[] = [];
	const excluded: T[] = [];
	for (const value of values) {
		const isExclusion = value.startsWith("!");
		for (const part of value.split(",")) {
			const text = part.trim();
			const isExcluded = text.startsWith("!");
			const item = parse(isExcluded ? text.slice(1) : text, option);
			(isExclusion || isExcluded ? excluded : wanted).push(item);
		}
	}
	return { wanted, excluded };
}
