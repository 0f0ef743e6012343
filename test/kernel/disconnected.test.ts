/** A socket whose connection is over, and whose program disconnects it before it closes it. */

import { expect } from "bun:test";
import type { EventRecord } from "../../src/flow/records.ts";
import { eventsDuring, named } from "../support/events.ts";
import { Puppet } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";

/** 5 bytes there, 7 back. The client shuts down first: TCP is done in its socket when the server closes. */
async function speak(server: Puppet, client: Puppet, listener: number, fd: number): Promise<void> {
	const accepted = await server.do("accept", listener);
	await client.call("send", fd, 5);
	await server.call("recv_all", accepted, 5);
	await server.call("send", accepted, 7);
	await client.call("recv_all", fd, 7);
	await client.call("shutdown", fd);
	await server.call("poll", accepted, "in");
	await server.call("close", accepted);
	await client.call("poll", fd, "in");
}

function expectWhole(connect: EventRecord, close: EventRecord | undefined): void {
	const { id, local_address, remote_address, local_port, remote_port } = connect;
	expect(close).toMatchObject({
		...{ id, local_address, remote_address, local_port, remote_port },
		...{ state: "CLOSE", bytes_sent: 5, bytes_received: 7, close_reason: "local", error: null },
		rtt_us: expect.any(Number),
	});
	expect(close?.segments_sent).toBeGreaterThanOrEqual(4); // SYN, ACK, data, FIN
}

/** What is told of the client, of which `after` says what it does with its socket, in state CLOSE and disconnected. */
async function eventsOfClient(
	count: number,
	after: (server: Puppet, client: Puppet, listener: number, fd: number) => Promise<void>,
): Promise<EventRecord[]> {
	await using server = Puppet.start();
	await using client = Puppet.start();
	const [listener, port] = await server.listen();
	const work = async (): Promise<number> => {
		const [fd] = await client.connect(port);
		await speak(server, client, listener, fd);
		await client.call("connect", fd, "none", 0);
		await after(server, client, listener, fd);
		await client.call("close", fd);
		return port;
	};
	return await eventsDuring(work, count, "--direction", "active");
}

kernelTest("its close says what it was, not what is left of it", async () => {
	const events = await eventsOfClient(2, async () => {});
	const [connect] = named(events, "connect");
	if (connect === undefined) throw new Error("no connect");
	expectWhole(connect, named(events, "close")[0]);
});

kernelTest("where it connects again, each of its connections has a close", async () => {
	const events = await eventsOfClient(4, async (server, client, listener, fd) => {
		await client.call("connect", fd, "127.0.0.1", await server.do("local_port", listener));
		await speak(server, client, listener, fd);
	});
	expect(events.map(({ event }) => event)).toEqual(["connect", "close", "connect", "close"]);
	for (const connect of named(events, "connect"))
		expectWhole(
			connect,
			named(events, "close").find(({ id }) => id === connect.id),
		);
});
