import { expect, test } from "bun:test";
import { EventOrder } from "../../src/flow/event-order.ts";
import type { EventRecord } from "../../src/flow/records.ts";

const named = (id: string): EventRecord => ({ id }) as EventRecord;
const idsOf = (events: readonly EventRecord[]): string => events.map(({ id }) => id).join("");

test("events come out in the order of time, equal ones as they came", () => {
	const order = new EventOrder();
	for (const [time, id] of [
		[5, "c"],
		[3, "a"],
		[9, "e"],
		[4, "b"],
		[5, "d"],
	] as const)
		order.add(time, named(id));
	expect(order.newestNs).toBe(9);
	expect(idsOf(order.take(9))).toBe("abcde");
});

test("what an earlier one could still come before waits for the next time", () => {
	const order = new EventOrder();
	order.add(10, named("b"));
	order.add(20, named("d"));
	expect(idsOf(order.take(9))).toBe("");
	order.add(5, named("a"));
	expect(idsOf(order.take(10))).toBe("ab");
	order.add(15, named("c"));
	expect(idsOf(order.take(100))).toBe("cd");
	expect(idsOf(order.take(100))).toBe("");
});
