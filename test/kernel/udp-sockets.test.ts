import { describe, expect } from "bun:test";
import { addUp, Conntracer, flowsOf } from "../support/conntracer.ts";
import { DatagramProcess, meet, serve } from "../support/datagrams.ts";
import { processIs } from "../support/expectations.ts";
import { udpTest } from "../support/root.ts";
import { expectBothSides, expectNoUdpLost, expectProcess, pick, play } from "../support/udp.ts";

const BYTES = 10_000;

describe("UDPReusePort: two processes on one port, by the choice of the kernel", () => {
	for (const [name, family, address] of [
		["v4", "inet", "127.0.0.1"],
		["v6", "inet6", "::1"],
	] as const)
		udpTest(name, async () => {
			await using second = new DatagramProcess("us");
			const played = await play([], async (server, client) => {
				for (const each of [server, second]) {
					await each.do(`open ${family}`);
					await each.do("set 0 reuseport 1");
				}
				const port = await serve(server, address, 0);
				await second.do(`bind 0 ${address} ${port}`);
				await client.do(`fan ${family} 40 512 send ${address} ${port}`);
				for (const each of [server, second]) {
					// As many as there are, and an answer to the last.
					const { error, peer, peer_port } = await drained(each);
					expect(error).toBeNull();
					await each.do(`send 0 1 256 sendto ${peer} ${peer_port}`);
				}
			});
			const shared = flowsOf(played.run.records, processIs(second.name));
			const truths = [played.server, await second.end()] as const;
			expect(truths[0].datagrams_received + truths[1].datagrams_received).toBe(40);
			expectProcess(played.clients, played.client, 40);
			expectProcess(played.servers, truths[0], truths[0].datagrams_received);
			expect(addUp(shared)).toMatchObject({
				connections_opened: truths[1].datagrams_received,
				bytes_sent: truths[1].bytes_sent,
				bytes_received: truths[1].bytes_received,
			});
			expect(pick([...played.servers, ...shared], "direction")).toEqual([{ direction: "passive" }]);
			expectNoUdpLost(played.run);
		});
});

/** What is in the queue of its first socket. */
async function drained(process: DatagramProcess) {
	const result = process.do(`drain 0 ${BYTES} recvfrom`);
	await process.truth();
	return await result;
}

describe("one socket in two processes", () => {
	/** The client's socket in a second process, too. */
	async function share(body: (client: DatagramProcess, heir: DatagramProcess) => Promise<void>) {
		await using heir = new DatagramProcess("uh");
		const played = await play([], async (server, client) => {
			await meet(server, client);
			await Promise.all([heir.do(`take ${heir.name}`), client.do(`give 0 ${heir.name}`)]);
			await body(client, heir);
			await drained(server);
			await heir.do("close 0");
		});
		const heirs = flowsOf(played.run.records, processIs(heir.name));
		return { ...played, heirs, heir: await heir.end() };
	}

	udpTest("the bytes of each are its own", async () => {
		const played = await share(async (client, heir) => {
			await client.do("send 0 3 100 send");
			await heir.do("send 0 5 70 send");
			await client.do("send 0 1 30 send");
		});
		expect([played.client.bytes_sent, played.heir.bytes_sent]).toEqual([330, 350]);
		expectProcess(played.clients, played.client, 1);
		expectProcess(played.heirs, played.heir, 1);
		expectProcess(played.servers, played.server, 1);
		expectNoUdpLost(played.run);
	});

	udpTest("one of them closes it: the other goes on, and nothing is opened anew", async () => {
		const played = await share(async (client, heir) => {
			await client.do("send 0 3 100 send");
			await heir.do("send 0 1 70 send");
			await client.do("close 0");
			await heir.do("send 0 4 70 send");
		});
		expectProcess(played.clients, played.client, 1);
		expectProcess(played.heirs, played.heir, 1);
		expectProcess(played.servers, played.server, 1);
		expectNoUdpLost(played.run);
	});
});

describe("many peers of one socket", () => {
	for (const how of ["send", "sendto"])
		udpTest(`3000 of them: ${how}`, async () => {
			const played = await play(["--aggregate", "connection"], async (server, client) => {
				const port = await serve(server, "127.0.0.1");
				await server.do("set 0 receive-buffer 16000000");
				await client.do(`fan inet 3000 100 ${how} 127.0.0.1 ${port}`);
				await server.do(`receive 0 3000 ${BYTES} recvfrom`);
			});
			expectBothSides(played, 3000);
			const ports = new Set(played.servers.map((flow) => flow.remote_port));
			expect(ports).toEqual(new Set(played.clients.map((flow) => flow.local_port)));
			expect(ports.size).toBe(3000);
		});
});

udpTest("sockets that were opened before the start", async () => {
	await using server = new DatagramProcess("us");
	await using client = new DatagramProcess("uc");
	const port = await meet(server, client);
	await client.do("send 0 3 1000 send");
	await server.do(`receive 0 2 ${BYTES} recvfrom`);
	await using conntracer = await Conntracer.start("--transport", "udp");
	await server.do(`receive 0 1 ${BYTES} recvfrom`);
	const { local_port } = await client.do("send 0 2 10 send");
	await server.do(`receive 0 2 ${BYTES} recvfrom`);
	await server.do(`send 0 1 7 sendto 127.0.0.1 ${local_port}`);
	await client.do(`receive 0 1 ${BYTES} recv`);
	for (const each of [server, client]) await each.end();
	const run = await conntracer.stop();
	const sides = [server, client].map(({ name }) => flowsOf(run.records, processIs(name)));
	expect(sides.map(addUp)).toMatchObject([
		{ connections_opened: 1, connections_closed: 1, bytes_sent: 7, bytes_received: 1020 },
		{ connections_opened: 1, connections_closed: 1, bytes_sent: 20, bytes_received: 7 },
	]);
	expect(sides.map((flows) => pick(flows, "direction", "listen_port"))).toEqual([
		[{ direction: "passive", listen_port: port }],
		[{ direction: "active", listen_port: port }],
	]);
	expectNoUdpLost(run);
});

udpTest("a queue that overflows: what was received, not what came", async () => {
	const played = await play([], async (server, client) => {
		await meet(server, client);
		await server.do("set 0 receive-buffer 4000");
		await client.do("send 0 500 1000 send");
		await drained(server);
	});
	expectBothSides(played);
	expect(played.client.bytes_sent).toBe(500_000);
	expect(played.server.datagrams_received).toBeLessThan(500);
});

udpTest("a name given to a thread is not taken for the process", async () => {
	const played = await play([], async (server, client) => {
		await meet(server, client);
		await client.do("parallel 4 shared send 0 5 100 send");
		await server.do(`receive 0 20 ${BYTES} recvfrom`);
	});
	expectBothSides(played);
	expect(addUp(played.clients).bytes_sent).toBe(2000);
});

udpTest("connections are open as long as their sockets, and closed with them", async () => {
	await using server = new DatagramProcess("us");
	await using client = new DatagramProcess("uc");
	const port = await serve(server, "127.0.0.1");
	await using conntracer = await Conntracer.start("--transport", "udp");
	const openOf = (process: DatagramProcess, count: number) =>
		conntracer.until(
			`${count} open of ${process.name}`,
			(records) => flowsOf(records, processIs(process.name)).at(-1)?.connections_open === count,
		);
	await client.do(`fan inet 20 100 send 127.0.0.1 ${port}`);
	await openOf(client, 20);
	await server.do(`receive 0 20 ${BYTES} recvfrom`);
	await openOf(server, 20);
	await client.do("close 3");
	await openOf(client, 19);
	await client.end();
	await openOf(client, 0);
	await server.do("close 0");
	await openOf(server, 0);
	expectNoUdpLost(await conntracer.stop());
});
