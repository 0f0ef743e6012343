/** The clocks of the kernel, in nanoseconds. */

import { CFunction, ptr } from "bun:ffi";
import { cString, libc, openLibc } from "./libc.ts";
import { LIBC_SYMBOLS, LOOKUP_SYMBOLS } from "./symbols.ts";

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;
const RTLD_DEFAULT = 0;

const time = new BigInt64Array(2);
const inNs = (): bigint => (time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n);

export const monotonicNs = (): bigint => {
	libc.clock_gettime(CLOCK_MONOTONIC, time);
	return inNs();
};

/** As CLOCK_MONOTONIC, and it goes on while the machine sleeps. */
export const boottimeNs = (): bigint => {
	libc.clock_gettime(CLOCK_BOOTTIME, time);
	return inNs();
};

/** The wall clock that the rest of this process has: where it runs under faketime, that one. */
export const realtimeNs = (): bigint => {
	getWallClock(CLOCK_REALTIME, time);
	return inNs();
};

const getWallClock = findWallClock();

function findWallClock(): (clock: number, into: BigInt64Array) => unknown {
	try {
		const { dlsym } = openLibc(LOOKUP_SYMBOLS).symbols;
		const found = dlsym(RTLD_DEFAULT, ptr(cString("clock_gettime")));
		if (found > 0n) {
			const call = CFunction({ ...LIBC_SYMBOLS.clock_gettime, ptr: found });
			return (clock, into) => call(clock, into);
		}
	} catch {
		// Older libc: its dlsym is elsewhere.
	}
	return (clock, into) => libc.clock_gettime(clock, into);
}
