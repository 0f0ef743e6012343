import { expect, test } from "bun:test";
import { EventWindow } from "../../src/flow/event-window.ts";

/** Offsets that are told, in order, and where the buffer goes on. */
function settled(times: readonly number[], untilNs: number): [number[], number | null] {
	const window = new EventWindow(16);
	for (const [at, time] of times.entries()) window.add(at, 100 + at, time);
	const { count, end } = window.settle(untilNs);
	return [[...window.offsets.subarray(0, count)], end];
}

test.each([
	["events are told in the order of time", [3, 1, 2], 9, [1, 2, 0], 102],
	["equal ones as they came", [5, 3, 5, 4, 5], 9, [1, 3, 0, 2, 4], 104],
	["nothing is told of none", [], 9, [], null],
	["what an earlier one could still come before waits", [10, 20], 9, [], null],
	["and does not hold up what is before it", [5, 10, 20], 12, [0, 1], 101],
	["a later one that stands first waits for those that wait", [10, 30, 15, 40], 35, [0, 2, 1], 102],
	["and those behind it that are earlier wait, too", [10, 30, 15, 40], 20, [0], 100],
	["also where that makes others wait", [12, 30, 15, 11], 20, [], null],
] as const)("%s: %j until %d", (_, times, until, offsets, end) => {
	expect(settled(times, until)).toEqual([[...offsets], end]);
});

test("it is used again", () => {
	const window = new EventWindow(4);
	window.add(1, 2, 9);
	window.clear();
	expect([window.count, window.newest]).toEqual([0, Number.NEGATIVE_INFINITY]);
	window.add(7, 8, 5);
	expect(window.settle(5)).toEqual({ count: 1, end: 8 });
	expect(window.offsets[0]).toBe(7);
});
