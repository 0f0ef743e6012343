import { describe, expect, test } from "bun:test";
import { respond } from "../../src/serve/routes.ts";
import { ANSWER, ask, Fake } from "./fake.ts";

test("HEAD asks for no client, and opens no stream", async () => {
	const served = new Fake();
	served.room = 0;
	for (const path of [
		"/connections?client_id=a",
		"/flows?client_id=a",
		"/dns?client_id=a",
		"/events",
	])
		expect((await ask(path, "HEAD", served)).status).toBe(200);
	expect(served.asked).toEqual([]);
	expect((await ask("/connections", "HEAD", served)).status).toBe(400);
});

test("what a client says that it has is handed on", async () => {
	const served = new Fake();
	await ask("/connections?client_id=a", "GET", served);
	await ask("/connections?client_id=a&cursor=0123abcd-7", "GET", served);
	expect(served.cursors).toEqual([null, "0123abcd-7"]);
});

describe("an answer counts as delivered", () => {
	const many = { ...ANSWER, connections: Array(1000).fill(ANSWER.connections[0]) };

	test("at once where it is short, and not any more when the client is gone", async () => {
		const served = new Fake();
		const gone = new AbortController();
		const { signal } = gone;
		await respond(new Request("http://localhost/connections?client_id=a", { signal }), served);
		expect(served.delivered).toEqual([true]);
		gone.abort();
		expect(served.delivered).toEqual([true, false]);
	});

	test("with its last part where it is long", async () => {
		const served = new Fake();
		served.answer = many;
		const body = (await ask("/connections?client_id=a", "GET", served)).body?.getReader();
		await body?.read();
		expect(served.delivered).toEqual([]);
		while ((await body?.read())?.done === false);
		expect(served.delivered).toEqual([true]);
	});

	test("never where the client breaks off", async () => {
		const served = new Fake();
		served.answer = many;
		const { body } = await ask("/connections?client_id=a", "GET", served);
		await body?.cancel();
		expect(served.delivered).toEqual([]);
	});
});
