import { expect, test } from "bun:test";
import { until } from "./until.ts";

test("what is found is handed out, at the first look that finds it", async () => {
	let looks = 0;
	expect(await until("three looks", () => (++looks === 3 ? looks : null), { everyMs: 1 })).toBe(3);
	expect(await until("zero", async () => 0)).toBe(0);
	expect(looks).toBe(3);
});

test("what does not come in time is an error, with what was waited for and what came", async () => {
	const patience = { withinMs: 20, everyMs: 1, soFar: () => ({ heard: 7 }) };
	await expect(until("the end", () => undefined, patience)).rejects.toThrow(
		/^waited \d+ ms for the end; so far: {"heard":7}$/,
	);
	const all = { ...patience, soFar: () => "x".repeat(10_000) };
	await expect(until("the end", () => false, all)).rejects.toThrow(/x…$/);
});

test("a look that fails is its own error", async () => {
	const look = (): never => {
		throw new Error("mine");
	};
	await expect(until("the end", look)).rejects.toThrow("mine");
});
