/** What tests say when they have waited for nothing. */

import { expect, test } from "bun:test";
import { Conntracer } from "./conntracer.ts";
import { EventSource } from "./event-source.ts";
import { Lines } from "./lines.ts";

test("an event that does not come ends the wait with an error", async () => {
	const text = 'id: 1\ndata: {"type":"ready"}\n\ndata: {"type":"event"}\n\n';
	await using source = await EventSource.open(async () => new Response(text), "/events");
	await expect(source.until("a close", () => false, 30)).rejects.toThrow(
		"waited 30 ms for a close; so far: 2 messages, 1 events, 0 gaps",
	);
});

test("lines that end say how many there were, and the last ones, cut short", async () => {
	const lines = new Lines(
		"cat",
		new Response(`one\n${"2".repeat(9999)}\n`).body ?? new ReadableStream(),
	);
	await expect(lines.wait("three", () => undefined)).rejects.toThrow(
		/^cat has ended without three; so far: 2 lines, the last:\none\n2{300}…$/,
	);
});

test("a run of conntracer tells its records by kind", async () => {
	const records = [
		...[{ type: "ready" }, { type: "event", event: "connect" }],
		...[
			{ type: "event", event: "connect" },
			{ type: "gap", stage: "queue" },
		],
	];
	const said = records.map((record) => JSON.stringify(record)).join("\n");
	const program = ["sh", "-c", `echo '${said}'`];
	await using conntracer = await Conntracer.runAs(program);
	await expect(conntracer.until("a close", () => false)).rejects.toThrow(
		"conntracer has ended without a close; so far: 1 ready, 2 connect, 1 gap queue",
	);
});
