/** Slow machines, above all emulated ones, make less of a load; what is expected of it stays. */

import { IN_GUEST } from "./guest.ts";

const DIVISOR = Number(process.env["TEST_LOAD_DIVISOR"] ?? 1);

/** As many connections as make a load, where their number proves nothing more. */
export function manyOf(count: number): number {
	return Math.ceil(count / DIVISOR);
}

/** In a virtual machine a few of these cases, all over the table: the kernel has no part in what differs. */
export function someOf<T>(cases: readonly T[], count: number): readonly T[] {
	if (!IN_GUEST || cases.length <= count) return cases;
	return cases.filter((_, index) => {
		const turn = Math.floor((index * count) / cases.length);
		return index === Math.ceil((turn * cases.length) / count);
	});
}
