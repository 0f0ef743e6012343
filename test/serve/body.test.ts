import { expect, test } from "bun:test";
import { Bodies } from "../../src/serve/body.ts";

const LONG = "é".repeat(1_000_000);

test("a text is what it was, long or short", async () => {
	const bodies = new Bodies(2);
	for (const text of ["", "short", LONG])
		expect(await new Response(bodies.of(text)).text()).toBe(text);
	expect(bodies.isFull).toBe(false);
});

test("long ones that nobody has read yet are counted, until they are read or given up", async () => {
	const bodies = new Bodies(2);
	const [first, second] = [new Response(bodies.of(LONG)), new Response(bodies.of(LONG))];
	bodies.of("short");
	expect(bodies.isFull).toBe(true);
	await first.body?.cancel();
	expect(bodies.isFull).toBe(false);
	bodies.of(LONG);
	expect(bodies.isFull).toBe(true);
	await second.text();
	expect(bodies.isFull).toBe(false);
});
