import { describe, expect, test } from "bun:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { UsageError } from "../../src/errors.ts";
import type { ClientState } from "../../src/flow/client-answers.ts";
import { DnsStatistics, type DnsStatisticsAnswer } from "../../src/flow/dns-statistics.ts";
import { flowsOfChanges } from "../../src/flow/flows-of-changes.ts";
import type { Aggregate } from "../../src/flow/records.ts";
import { OPENAPI } from "../../src/serve/openapi.ts";
import { respond, routes, type Served } from "../../src/serve/routes.ts";
import type {
	ClientConnection,
	ClientConnections,
	ClientFlows,
} from "../../src/trace/client-records.ts";
import { examine } from "../../src/trace/doctor.ts";
import { NOTHING_LOST } from "../../src/trace/losses.ts";
import { PROBES } from "./fixtures.ts";

const CHANGE = {
	...{ connections_opened: 1, connections_failed: 0, connections_closed: 0 },
	...{ bytes_sent: 5, bytes_received: 7, segments_sent: 3 },
	...{ segments_received: 4, segments_retransmitted: 0 },
};
const CONNECTION: ClientConnection = {
	...{ id: "1", transport: "tcp", family: "ipv4", direction: "active", state: "ESTABLISHED" },
	...{ local_address: "10.0.0.1", local_port: 40_000, remote_address: "10.0.0.2" },
	...{ remote_port: 443, pid: 7, tid: 7, process: "evil\u001b[31m\u009b", executable: null },
	...{ command_line: null, uid: 0, netns: 1, cgroup_id: "1", container_id: null },
	...{ attribution: "task", opened: null, preexisting: true, duration_ms: null },
	...CHANGE,
	...{ rtt_us: null, rtt_var_us: null, rtt_min_us: null, connect_latency_us: null },
	...{ nat: null, remote_name: null, error: null, close_reason: null },
};
const ANSWER: ClientConnections = {
	...{ is_new: false, interval_ms: 1000 },
	connections: [{ ...CONNECTION, is_open: true, connections: 1, since_last: CHANGE }],
	lost: { closed: 1, open: 0 },
	gaps: [{ type: "gap", from: "f", to: "t", stage: "ring_buffer", count: 3, hint: null }],
};

/** Of this machine, with whatever rights there are. */
const DOCTOR = examine({ btfPath: null, libbpfPath: null, hooks: "auto", version: "1" });

/** One client knows of one answer. */
const DNS = new DnsStatistics();
DNS.ask("me", 0);
const PLACE = {
	netns: 1,
	client_address: "10.0.0.1",
	server_address: "10.0.0.53",
	server_port: 53,
};
DNS.add(
	{ ...PLACE, transport: "udp" },
	{ time: "t", response_code: "NXDOMAIN", latency_us: 1500 },
	0,
);

/** With room for so many clients. */
class Fake implements Served {
	readonly asked: string[] = [];
	readonly forgotten: string[] = [];
	readonly isAll: boolean[] = [];
	room = 1000;

	connections(clientId: string, isAll: boolean): ClientConnections | null {
		this.isAll.push(isAll);
		this.asked.push(clientId);
		return this.asked.length > this.room ? null : ANSWER;
	}

	forget(clientId: string): void {
		this.forgotten.push(clientId);
	}

	flows(_: string, aggregate: Aggregate): ClientFlows | null {
		const { connections, ...rest } = ANSWER;
		return { ...rest, flows: flowsOfChanges(connections, aggregate, "now", 5) };
	}

	forgetFlows(clientId: string): void {
		this.forgotten.push(`flows of ${clientId}`);
	}

	events(query: URLSearchParams, lastId: string | null): ReadableStream<Uint8Array> | null {
		if (query.has("wrong")) throw new UsageError("wrong", "right");
		return this.room === 0 ? null : new Response(`data: ${lastId}\n\n`).body;
	}

	dns(clientId: string): DnsStatisticsAnswer | null {
		if (clientId === "deaf") throw new UsageError("this service does not hear DNS", "--dns");
		return this.room === 0 ? null : DNS.ask(clientId, 0);
	}

	forgetDns(clientId: string): void {
		this.forgotten.push(`dns of ${clientId}`);
	}

	doctor(): ReturnType<Served["doctor"]> {
		return DOCTOR;
	}

	debugMaps(): readonly ClientConnection[] {
		return [CONNECTION];
	}

	debugState(): readonly ClientState[] {
		const lost = { closed: 0, open: 0 };
		return [{ client: "a", asked_ms_ago: 5, open: 1, gone: 0, closed: 2, lost }];
	}

	metrics(): ReturnType<Served["metrics"]> {
		return Promise.resolve({ text: "up 1\n", contentType: "text/plain" });
	}

	stats(): ReturnType<Served["stats"]> {
		return {
			...{ version: "1", kernel: "6.1", hooks: { accept: "fentry" }, uptime_ms: 5, clients: 1 },
			probes: PROBES,
			...{ readers: 0, resets: 0, lost: NOTHING_LOST, cpu_ms: 1.5, peak_memory_bytes: 7 },
		};
	}
}

const ask = (path: string, method = "GET", served: Served = new Fake()): Promise<Response> =>
	respond(new Request(`http://localhost${path}`, { method }), served);

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
