/** Slow machines, above all emulated ones, make less of a load; what is expected of it stays. */

const DIVISOR = Number(process.env["TEST_LOAD_DIVISOR"] ?? 1);

/** As many connections as make a load, where their number proves nothing more. */
export function manyOf(count: number): number {
	return Math.ceil(count / DIVISOR);
}
