/** Connections that are over, while their programs keep the descriptors. */

import { describe, expect } from "bun:test";
import type { EventRecord } from "../../src/flow/records.ts";
import { Conntracer, eventsOf } from "../support/conntracer.ts";
import { isAt, named } from "../support/events.ts";
import { Puppet } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";

interface Case {
	/** Bytes that the server sends right before it resets. */
	readonly unread: number;
	/** Of these, what the client takes before its connection is told to be over. */
	readonly taken: number;
}

/** What was told of the client by the time that it still holds its socket, and when it was reset. */
async function reset({ unread, taken }: Case) {
	await using conntracer = await Conntracer.run("events");
	await using server = Puppet.start();
	await using client = Puppet.start();
	const [listener, port] = await server.listen();
	const [fd] = await client.connect(port);
	const accepted = await server.do("accept", listener);
	await client.call("send", fd, 5);
	await server.call("recv_all", accepted, 5);
	if (unread > 0) {
		await server.call("send", accepted, unread);
		await client.call("poll", fd, "in");
	}
	await server.call("set", accepted, "linger", 0);
	const before = Date.now();
	await server.call("close", accepted);
	await client.call("poll", fd, "in");
	const after = Date.now();
	if (taken > 0) await client.call("recv_all", fd, taken);
	const closesOfClient = (events: readonly EventRecord[]): EventRecord[] =>
		named(events, "close").filter(({ direction }) => direction === "active");
	const ours = isAt(port);
	await conntracer.until(
		"the close of a socket that is kept",
		(records) => closesOfClient(eventsOf(records, ours)).length > 0,
	);
	await client.call("close", fd);
	const { records } = await conntracer.stop();
	return { closes: closesOfClient(eventsOf(records, ours)), before, after };
}

/** Of the clocks of a test and of the records. */
const SLACK_MS = 20;

describe("a connection that was reset is over, with the time of its end,", () => {
	for (const [name, { unread, taken }] of [
		["where nothing is unread", { unread: 0, taken: 0 }],
		["where its program does not read the rest", { unread: 7, taken: 0 }],
		["where its program reads the rest", { unread: 7, taken: 7 }],
	] as const)
		kernelTest(name, async () => {
			const { closes, before, after } = await reset({ unread, taken });
			expect(closes.length).toBe(1);
			expect(closes[0]).toMatchObject({
				...{ close_reason: "reset_received", bytes_sent: 5, bytes_received: taken },
			});
			const time = Date.parse(closes[0]?.time ?? "");
			expect(time).toBeGreaterThanOrEqual(before - SLACK_MS);
			expect(time).toBeLessThanOrEqual(after + SLACK_MS);
		});
});
