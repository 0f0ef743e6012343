/** Bars with their spread, as SVG. */

import { median } from "./figures.ts";

export interface Bar {
	readonly label: string;
	readonly values: readonly number[];
}

const WIDTH = 760;
const LABELS = 270;
const BAR = 18;
const STEP = 28;
const TOP = 44;
const RIGHT = 60;

const escaped = (text: string): string =>
	text.replaceAll("`", "").replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** @param bars each with at least one value, none below 0 */
export function barChart(title: string, bars: readonly Bar[]): string {
	const most = Math.max(1, ...bars.flatMap(({ values }) => values));
	const scale = (value: number): number => LABELS + (value / most) * (WIDTH - LABELS - RIGHT);
	const height = TOP + bars.length * STEP + 8;
	const rows = bars.map(({ label, values }, index) => {
		const [y, middle] = [TOP + index * STEP, median(values)];
		const center = y + BAR / 2;
		const [least, largest] = [scale(Math.min(...values)), scale(Math.max(...values))];
		return [
			`<text x="${LABELS - 8}" y="${y + 13}" text-anchor="end">${escaped(label)}</text>`,
			`<rect x="${LABELS}" y="${y}" width="${(scale(middle) - LABELS).toFixed(1)}" height="${BAR}" fill="#4878a8"/>`,
			`<line x1="${least.toFixed(1)}" x2="${largest.toFixed(1)}" y1="${center}" y2="${center}" stroke="#222"/>`,
			`<text x="${(largest + 6).toFixed(1)}" y="${y + 13}">${middle.toFixed(3)}</text>`,
		].join("\n");
	});
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
		`<title>${escaped(title)}</title>`,
		`<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
		`<text x="8" y="20" font-size="14">${escaped(title)}</text>`,
		...rows,
		"</svg>\n",
	].join("\n");
}

const HEIGHT = 260;
const BOTTOM = 34;
const LEFT = 56;

/** @param points at least two, of values of at least 0 */
export function lineChart(
	title: string,
	[horizontal, vertical]: readonly [string, string],
	points: readonly (readonly [number, number])[],
): string {
	const most = Math.max(1, ...points.map(([, y]) => y));
	const last = Math.max(...points.map(([x]) => x));
	const at = ([x, y]: readonly [number, number]): string => {
		const across = LEFT + (x / last) * (WIDTH - LEFT - RIGHT);
		return `${across.toFixed(1)},${(HEIGHT - BOTTOM - (y / most) * (HEIGHT - BOTTOM - TOP)).toFixed(1)}`;
	};
	const [bottom, right] = [HEIGHT - BOTTOM, WIDTH - RIGHT];
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
		`<title>${escaped(title)}</title>`,
		`<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
		`<text x="8" y="20" font-size="14">${escaped(title)}</text>`,
		`<path d="M${LEFT} ${TOP}V${bottom}H${right}" fill="none" stroke="#222"/>`,
		`<text x="${LEFT - 6}" y="${TOP + 4}" text-anchor="end">${most.toFixed(0)}</text>`,
		`<text x="${LEFT - 6}" y="${bottom}" text-anchor="end">0</text>`,
		`<text x="${LEFT}" y="${TOP - 8}">${escaped(vertical)}</text>`,
		`<text x="${right}" y="${HEIGHT - 10}" text-anchor="end">${last.toFixed(0)} ${escaped(horizontal)}</text>`,
		`<polyline points="${points.map(at).join(" ")}" fill="none" stroke="#4878a8" stroke-width="2"/>`,
		"</svg>\n",
	].join("\n");
}
