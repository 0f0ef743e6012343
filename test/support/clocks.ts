/** Clocks of the kernel as a test says that they are. */

import { ClockHistory, type ClockReading } from "../../src/flow/clock-history.ts";

export const readingOf = (changes: Partial<ClockReading>): ClockReading => ({
	...{ monotonicNs: 0n, realtimeNs: 0n, boottimeNs: 0n, withinNs: 0n },
	...changes,
});

export const clocksOf = (first: Partial<ClockReading>): ClockHistory =>
	new ClockHistory(readingOf(first));

/** As it lies in a record. */
export function u64(value: bigint): DataView {
	const view = new DataView(new ArrayBuffer(8));
	view.setBigUint64(0, value, true);
	return view;
}
