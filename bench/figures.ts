/** Small numbers of noisy measurements, and their text. */

/** @param values at least one */
export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = Math.floor(sorted.length / 2);
	const upper = sorted[middle] ?? Number.NaN;
	return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Median, least and most: "41.2 (39.8 to 55.0)". */
export function spread(values: readonly number[], digits: number): string {
	const [least, most] = [Math.min(...values), Math.max(...values)];
	return `${median(values).toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

export function markdownTable(header: readonly string[], rows: readonly string[][]): string {
	const line = (cells: readonly string[]): string =>
		`| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
	return line(header) + line(header.map(() => "---")) + rows.map(line).join("");
}
