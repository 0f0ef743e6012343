import { describe, expect, test } from "bun:test";
import { EVERY_TURN, FoldTurns } from "../../src/trace/fold-turns.ts";

const MANY = 16_384;

describe("a fold looks at", () => {
	test("all connections, where they are no more than many", () => {
		const turns = new FoldTurns();
		turns.found(MANY);
		for (let i = 0; i < 20; i++) expect(turns.next(1000)).toBe(EVERY_TURN);
	});

	test("all, the first time", () => {
		expect(new FoldTurns().next(0)).toBe(EVERY_TURN);
	});

	test("each eighth once in eight folds, where they are very many", () => {
		const turns = new FoldTurns();
		turns.found(MANY + 1);
		const taken = Array.from({ length: EVERY_TURN }, () => turns.next(1000));
		expect(taken.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
	});

	test("all, where folds are far from each other", () => {
		const turns = new FoldTurns();
		turns.found(MANY + 1);
		expect(turns.next(2001)).toBe(EVERY_TURN);
	});
});
