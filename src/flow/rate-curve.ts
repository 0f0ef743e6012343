/** How often a flow is reported: the older it is, the less. */

/** From this age on, a flow is reported once an interval at most. */
export interface RatePoint {
	readonly ageMs: number;
	readonly intervalMs: number;
}

/** Every 20 s at first, every minute from the first minute on, every five from the fifth on. */
export const DEFAULT_RATE: readonly RatePoint[] = [
	{ ageMs: 0, intervalMs: 20_000 },
	{ ageMs: 60_000, intervalMs: 60_000 },
	{ ageMs: 300_000, intervalMs: 300_000 },
];

/**
 * The interval at this age: of the last point that is not older. Infinite before the first point,
 * where nothing but the first packet is reported.
 *
 * @param points their ages rise
 */
export function intervalAt(points: readonly RatePoint[], ageMs: number): number {
	let found = Number.POSITIVE_INFINITY;
	for (const point of points) {
		if (point.ageMs > ageMs) break;
		found = point.intervalMs;
	}
	return found;
}

/** The age that a flow is taken to have of which nobody knows it: no newcomer, so that they do not all report at once. */
export function assumedAge(points: readonly RatePoint[]): number {
	return (points[1] ?? points[0])?.ageMs ?? 0;
}
