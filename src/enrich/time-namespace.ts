/** Whether CLOCK_MONOTONIC of this process is that of the kernel: a time namespace shifts it. */

import { readFileSync, readlinkSync } from "node:fs";

/** What to take from CLOCK_MONOTONIC of this process for that of BPF programs, in nanoseconds. */
export function monotonicShiftNs(): bigint {
	try {
		// The file is about the children's namespace. Without an exec, that is another one than ours.
		const isOurs =
			readlinkSync("/proc/self/ns/time") === readlinkSync("/proc/self/ns/time_for_children");
		return isOurs ? parseShift(readFileSync("/proc/self/timens_offsets", "latin1")) : 0n;
	} catch {
		return 0n; // before Linux 5.6 there are none
	}
}

/** @param text one line for each clock: its name, or before Linux 5.7 its number, seconds, nanoseconds */
export function parseShift(text: string): bigint {
	const [, seconds, ns] = /^(?:monotonic|1)\s+(-?\d+)\s+(\d+)$/m.exec(text) ?? [];
	return BigInt(seconds ?? 0) * 1_000_000_000n + BigInt(ns ?? 0);
}
