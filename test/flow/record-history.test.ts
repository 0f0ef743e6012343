import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RecordHistory } from "../../src/flow/record-history.ts";

function historyOf(most: number, count: number): RecordHistory<number> {
	const history = new RecordHistory<number>(most);
	for (let record = 0; record < count; record++) history.add(record);
	return history;
}

const recordsOf = (history: RecordHistory<number>, from: number, count = 100): number[] =>
	history.read(from, count).entries.map(({ record }) => record);

test("what was added is read from its place on, so many at a time", () => {
	const history = historyOf(10, 5);
	expect(history.next).toBe(5);
	expect(history.read(1, 2)).toEqual({
		entries: [
			{ place: 1, record: 1 },
			{ place: 2, record: 2 },
		],
		...{ missed: 0, next: 3 },
	});
	expect(recordsOf(history, 3)).toEqual([3, 4]);
	expect(history.read(5, 2)).toEqual({ entries: [], missed: 0, next: 5 });
});

test("who comes too late is told how much was missed", () => {
	const history = historyOf(3, 10);
	expect(history.read(2, 100)).toMatchObject({ missed: 5, next: 10 });
	expect(recordsOf(history, 2)).toEqual([7, 8, 9]);
});

describe("what was dropped", () => {
	test("is missed, and what comes is read", () => {
		const history = historyOf(4, 6);
		history.dropBefore(4);
		expect({ size: history.size, rest: recordsOf(history, 4) }).toEqual({ size: 2, rest: [4, 5] });
		history.dropBefore(history.next);
		expect(history.read(history.next, 10)).toEqual({ entries: [], missed: 0, next: history.next });
		history.add(70);
		expect(recordsOf(history, history.next - 1)).toEqual([70]);
		const { entries, missed } = history.read(5, 10);
		expect(entries.map(({ record }) => record)).toEqual([70]);
		expect(missed).toBe(1);
	});
});

test("a reader that is slow reads each record once, or is told that it missed it", () => {
	const one = { adds: fc.nat(20), reads: fc.integer({ min: 1, max: 10 }), drops: fc.boolean() };
	const steps = fc.array(fc.record(one));
	fc.assert(
		fc.property(fc.integer({ min: 1, max: 12 }), steps, (most, all) => {
			const history = new RecordHistory<number>(most);
			let [place, added, heard] = [0, 0, 0];
			for (const { adds, reads, drops } of all) {
				for (let i = 0; i < adds; i++) history.add(added++);
				const part = history.read(place, reads);
				expect(part.entries.map(({ record }) => record)).toEqual(
					part.entries.map(({ place: at }) => at),
				);
				heard += part.missed + part.entries.length;
				place = part.next;
				if (drops) history.dropBefore(place);
				expect(heard).toBe(place);
			}
			const rest = history.read(place, Number.POSITIVE_INFINITY);
			expect(heard + rest.missed + rest.entries.length).toBe(added);
		}),
	);
});
