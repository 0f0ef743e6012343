import { expect, test } from "bun:test";
import { Bodies } from "../../src/serve/body.ts";
import { jsonPieces } from "../../src/serve/json-text.ts";

const LONG = Array.from({ length: 100_000 }, (_, at) => `é${at}`);

test("a text is what it was, long or short", async () => {
	const bodies = new Bodies(2);
	for (const pieces of [[], ["sho", "rt"], LONG, ["x".repeat(1_000_000)]]) {
		const text = await new Response(bodies.of(pieces)).text();
		expect(Bun.hash(text)).toBe(Bun.hash(pieces.join("")));
	}
	expect(bodies.isFull).toBe(false);
});

test("long ones that nobody has read yet are counted, until they are read or given up", async () => {
	const bodies = new Bodies(2);
	const [first, second] = [new Response(bodies.of(LONG)), new Response(bodies.of(LONG))];
	bodies.of(["short"]);
	expect(bodies.isFull).toBe(true);
	await first.body?.cancel();
	expect(bodies.isFull).toBe(false);
	bodies.of(LONG);
	expect(bodies.isFull).toBe(true);
	await second.text();
	expect(bodies.isFull).toBe(false);
});

test("JSON in pieces is the JSON of the whole", () => {
	for (const body of [
		{},
		{ a: 1 },
		{ list: [] },
		{ a: null, list: [1, { b: "x\u0000\u001b" }, []], c: { d: [1] } },
	]) {
		const text = [...jsonPieces(body)].join("");
		expect(JSON.parse(text)).toEqual(body);
		expect(text).toMatch(/^[ -~]*\n$/);
	}
});
