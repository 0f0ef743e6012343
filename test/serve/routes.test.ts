import { describe, expect, test } from "bun:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { OPENAPI } from "../../src/serve/openapi.ts";
import { respond, routes } from "../../src/serve/routes.ts";
import type { ClientFlows } from "../../src/trace/client-records.ts";
import { ANSWER, ask, CONNECTION, Fake } from "./fake.ts";

test("a client is told what there is for it", async () => {
	const served = new Fake();
	const response = await ask("/connections?client_id=agent-1", "GET", served);
	expect(response.status).toBe(200);
	expect(response.headers.get("content-type")).toBe("application/json");
	expect(await response.json()).toMatchObject({
		type: "connections",
		client_id: "agent-1",
		...ANSWER,
	});
	expect(served.asked).toEqual(["agent-1"]);
});

test("what has not changed can be left out", async () => {
	const served = new Fake();
	await ask("/connections?client_id=a", "GET", served);
	await ask("/connections?client_id=a&changed=true", "GET", served);
	await ask("/connections?client_id=a&changed=false", "GET", served);
	expect(served.isAll).toEqual([true, false, true]);
});

test("names from outside do not reach a terminal as they are", async () => {
	const text = await (await ask("/connections?client_id=me")).text();
	expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
	expect(JSON.parse(text).connections[0].process).toBe(CONNECTION.process);
});

test("a client can be forgotten", async () => {
	const served = new Fake();
	expect((await ask("/connections?client_id=me", "DELETE", served)).status).toBe(204);
	expect(served.forgotten).toEqual(["me"]);
});

test("HEAD is as GET, without what nobody would read", async () => {
	for (const path of ["/healthz", "/events", "/connections?client_id=a"]) {
		const [head, get] = [await ask(path, "HEAD"), await ask(path)];
		expect(head.status).toBe(200);
		expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
		expect(head.body).toBeNull();
	}
});

test("flows are those of the client's changes, by what is asked for", async () => {
	const served = new Fake();
	const response = await ask("/flows?client_id=a&aggregate=connection", "GET", served);
	const { flows } = (await response.json()) as ClientFlows;
	expect(flows).toMatchObject([{ type: "flow", local_port: 40_000, bytes_sent: 5 }]);
	expect((await ask("/flows?client_id=a", "DELETE", served)).status).toBe(204);
	expect(served.forgotten).toEqual(["flows of a"]);
});

test("where a reader of events was is in a header, or in the query", async () => {
	const headers = { "last-event-id": "r-7" };
	const request = new Request("http://localhost/events?last_event_id=r-5", { headers });
	const response = await respond(request, new Fake());
	expect(response.headers.get("content-type")).toBe("text/event-stream");
	expect(await response.text()).toBe("data: r-7\n\n");
	expect(await (await ask("/events?last_event_id=r-5")).text()).toBe("data: r-5\n\n");
});

describe("what is wrong with a request is said", () => {
	for (const [method, path, status, reason] of [
		["GET", "/", 404, "no such path"],
		["GET", "/__proto__", 404, "no such path"],
		["GET", "/connections", 400, "missing"],
		["GET", "/connections?client_id=", 400, "not a name"],
		["GET", "/connections?client_id=a%20b", 400, "not a name"],
		["GET", `/connections?client_id=${"x".repeat(65)}`, 400, "not a name"],
		["GET", "/connections?client_id=a&client_id=b", 400, "more than once"],
		["GET", "/connections?client_id=a&limit=5", 400, "unknown"],
		["GET", "/connections?client_id=a&cursor=7", 400, "cursor"],
		["GET", "/dns?client_id=a&cursor=0123abcd-7&cursor=0123abcd-8", 400, "more than once"],
		["GET", "/stats?verbose", 400, "unknown"],
		["GET", "/flows?client_id=a&aggregate=pid", 400, "one of process"],
		["GET", "/flows?client_id=a&aggregate=process&aggregate=process", 400, "more than once"],
		["GET", "/events?wrong=5", 400, "wrong right"],
		["GET", "/dns?client_id=deaf", 400, "does not hear DNS"],
		["GET", "/connections?client_id=a&changed=1", 400, "neither true nor false"],
		["POST", "/connections?client_id=a", 405, "not here"],
		["PUT", "/stats", 405, "not here"],
	] as const)
		test(`${method} ${path.slice(0, 50)}: ${status}`, async () => {
			const response = await ask(path, method);
			expect(response.status).toBe(status);
			const body = (await response.json()) as { type: string; message: string; hint: string };
			expect(body).toMatchObject({ type: "error", code: "usage" });
			expect(`${body.message} ${body.hint}`).toContain(reason);
		});

	for (const path of ["/connections?client_id=a", "/events"])
		test(`${path} of a client that finds no room: 503, and when to come again`, async () => {
			const served = new Fake();
			served.room = 0;
			const response = await ask(path, "GET", served);
			expect([response.status, response.headers.get("retry-after")]).toEqual([503, "120"]);
			expect(await response.json()).toMatchObject({ type: "error", code: "busy" });
		});
});

test("whatever is asked, there is an answer, and a reason where it is no", async () => {
	const path = fc.oneof(
		fc.webPath(),
		fc.constantFrom(...Object.keys(routes())),
		fc.string({ unit: "binary" }).map((text) => `/${encodeURIComponent(text)}`),
	);
	const query = fc.oneof(
		fc.webQueryParameters(),
		fc.string().map((text) => `client_id=${text}`),
	);
	const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS");
	await fc.assert(
		fc.asyncProperty(path, query, method, async (where, what, how) => {
			const response = await ask(`${where}?${what.replaceAll("#", "%23")}`, how);
			expect([200, 204, 400, 404, 405]).toContain(response.status);
			if (response.status >= 400)
				expect(await response.json()).toMatchObject({ message: expect.any(String) });
		}),
		{ numRuns: 500 },
	);
});

describe("the API is what its document says", () => {
	const ajv = new Ajv2020({ strict: false });
	ajv.addSchema(OPENAPI, "api");

	test("each path and method is in it, and no other", () => {
		const described = Object.entries(OPENAPI.paths).map(([path, methods]) => [
			path,
			Object.keys(methods).map((name) => name.toUpperCase()),
		]);
		expect(Object.fromEntries(described)).toEqual(routes());
	});

	for (const [path, status, schema] of [
		["/connections?client_id=me", 200, "connections"],
		["/connections", 400, "error"],
		["/flows?client_id=me", 200, "flows"],
		["/debug/maps", 200, "debug_maps"],
		["/debug/state", 200, "debug_state"],
		["/doctor", 200, "doctor"],
		["/dns?client_id=me", 200, "dns_statistics"],
		["/healthz", 200, "health"],
		["/stats", 200, "stats"],
	] as const)
		test(`${path}: ${status} is a ${schema}`, async () => {
			const response = await ask(path);
			expect(response.status).toBe(status);
			const validate = ajv.getSchema(`api#/components/schemas/${schema}`);
			expect(validate?.(await response.json()) ? [] : validate?.errors).toEqual([]);
		});

	test("a schema refuses what is not so", () => {
		const validate = ajv.getSchema("api#/components/schemas/stats");
		expect(validate?.({ type: "stats" })).toBe(false);
	});
});
