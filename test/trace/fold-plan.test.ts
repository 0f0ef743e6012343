import { describe, expect, test } from "bun:test";
import { FoldPlan } from "../../src/trace/fold-plan.ts";

const MANY = 16_384;
const SECOND = 1000;

const following = (folds: FoldPlan, count: number): boolean[] =>
	Array.from({ length: count }, () => folds.next(SECOND).ofAll);

const NO_ROOM = { connections: MANY + 1, isAwakeFull: true };
const VERY_MANY = { connections: MANY + 1, isAwakeFull: false };

describe("a fold looks at", () => {
	test("all connections, where they are no more than many", () => {
		const folds = new FoldPlan();
		folds.found({ connections: MANY, isAwakeFull: false });
		for (let i = 0; i < 20; i++)
			expect(folds.next(SECOND)).toEqual({ ofAll: true, keepsAwake: false });
	});

	test("all, the first time", () => {
		expect(new FoldPlan().next(0).ofAll).toBe(true);
	});

	test("all once in eight times, where they are very many, and has the others noted first", () => {
		const folds = new FoldPlan();
		folds.found(VERY_MANY);
		expect(folds.next(SECOND)).toEqual({ ofAll: true, keepsAwake: true });
		expect(folds.next(SECOND)).toEqual({ ofAll: false, keepsAwake: true });
		expect(following(folds, 16).filter((ofAll) => ofAll).length).toBe(2);
	});

	test("all, as long as there is no room for those that are not idle", () => {
		const folds = new FoldPlan();
		folds.found(NO_ROOM);
		expect(following(folds, 20)).not.toContain(false);
		folds.found(VERY_MANY);
		expect(following(folds, 20)).toContain(false);
	});

	test("all, where folds are far from each other, and once more before it leaves out any", () => {
		const folds = new FoldPlan();
		folds.found(VERY_MANY);
		expect(following(folds, 2)).toEqual([true, false]);
		expect(folds.next(2001)).toEqual({ ofAll: true, keepsAwake: false });
		expect(following(folds, 2)).toEqual([true, false]);
	});
});
