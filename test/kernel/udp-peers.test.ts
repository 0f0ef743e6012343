import { describe, expect } from "bun:test";
import { addUp } from "../support/conntracer.ts";
import { type DatagramProcess, meet, serve } from "../support/datagrams.ts";
import { seesPeers } from "../support/hooks.ts";
import { udpTest } from "../support/root.ts";
import { expectBothSides, expectNoUdpLost, expectProcess, pick, play } from "../support/udp.ts";

const BYTES = 10_000;

/** Opens one socket more; its number. */
async function next(process: DatagramProcess): Promise<number> {
	await process.do("open inet");
	return 1;
}

describe("who the peer is", () => {
	udpTest("calls with and without an address on one connected socket, by turns", async () => {
		const to: number[] = [];
		const played = await play(["--aggregate", "connection"], async (server, client) => {
			to.push(await meet(server, client));
			to.push(await serve(server, "127.0.0.2", await next(server)));
			for (let turn = 0; turn < 5; turn++) {
				await client.do("send 0 2 10 send");
				await client.do(`send 0 1 300 sendto 127.0.0.2 ${to[1]}`);
			}
			await server.do(`receive 0 10 ${BYTES} recvfrom`);
			await server.do(`receive 1 5 ${BYTES} recvfrom`);
		});
		expectProcess(played.clients, played.client, 2);
		expectProcess(played.servers, played.server, 2);
		const bytesTo = (port: number | undefined) =>
			addUp(played.clients.filter((flow) => flow.remote_port === port)).bytes_sent;
		expect(to.map(bytesTo)).toEqual([100, 1500]);
		expectNoUdpLost(played.run);
	});

	udpTest("recv() on a socket that is not connected does not tell a tracepoint: null", async () => {
		let [port, clientPort] = [0, 0];
		const played = await play(["--aggregate", "connection"], async (server, client) => {
			port = await meet(server, client);
			clientPort = (await client.do("send 0 3 100 send")).local_port ?? 0;
			await server.do(`receive 0 3 ${BYTES} recv`);
		});
		expectBothSides(played);
		const keys = ["family", "local_address", "local_port", "listen_port"] as const;
		expect(pick(played.servers, ...keys, "remote_address", "remote_port")).toEqual([
			{
				...{ family: "ipv4", local_address: "127.0.0.1", local_port: port, listen_port: port },
				...(seesPeers()
					? { remote_address: "127.0.0.1", remote_port: clientPort }
					: { remote_address: null, remote_port: null }),
			},
		]);
	});

	udpTest("a socket that is connected to one, to nobody, and to another", async () => {
		const ports: number[] = [];
		const played = await play(["--aggregate", "connection"], async (server, client) => {
			ports.push(await meet(server, client));
			ports.push(await serve(server, "127.0.0.1", await next(server)));
			await client.do("send 0 1 100 send");
			await client.do("disconnect 0");
			expect((await client.attempt("send 0 1 100 send")).error).toBe("EDESTADDRREQ");
			await client.do(`connect 0 127.0.0.1 ${ports[1]}`);
			await client.do("send 0 1 200 send");
			await client.do(`connect 0 127.0.0.1 ${ports[0]}`);
			await client.do("send 0 1 50 send");
			await server.do(`receive 0 2 ${BYTES} recvfrom`);
			await server.do(`receive 1 1 ${BYTES} recvfrom`);
		});
		expectProcess(played.clients, played.client, 2);
		const bytesTo = (port: number) =>
			addUp(played.clients.filter((flow) => flow.remote_port === port)).bytes_sent;
		expect(ports.map(bytesTo)).toEqual([150, 200]);
		expectNoUdpLost(played.run);
	});
});

describe("direction", () => {
	udpTest("UDPIncomingDirectionFix: a client bound to an address, but to no port", async () => {
		const played = await play([], async (server, client) => {
			const port = await serve(server, "127.0.0.1");
			await client.do("open inet");
			await client.do("bind 0 127.0.0.1 0");
			await client.do(`send 0 1 100 sendto 127.0.0.1 ${port}`);
			const { peer_port } = await server.do(`receive 0 1 ${BYTES} recvfrom`);
			await server.do(`send 0 1 100 sendto 127.0.0.1 ${peer_port}`);
			await client.do(`receive 0 1 ${BYTES} recvfrom`);
		});
		expectBothSides(played);
	});

	udpTest("a server that let the kernel choose its port hears first", async () => {
		const played = await play([], async (server, client) => {
			await server.do("open inet");
			const { local_port } = await server.do("bind 0 127.0.0.1 0");
			await client.do("open inet");
			await client.do(`send 0 1 100 sendto 127.0.0.1 ${local_port}`);
			const { peer_port } = await server.do(`receive 0 1 ${BYTES} recvfrom`);
			await server.do(`send 0 1 100 sendto 127.0.0.1 ${peer_port}`);
			await client.do(`receive 0 1 ${BYTES} recvfrom`);
		});
		expectBothSides(played);
	});

	udpTest("two that have both chosen their ports are both passive", async () => {
		const ports: number[] = [];
		const played = await play([], async (server, client) => {
			ports.push(await serve(server, "127.0.0.1"), await serve(client, "127.0.0.1"));
			await client.do(`send 0 1 100 sendto 127.0.0.1 ${ports[0]}`);
			await server.do(`receive 0 1 ${BYTES} recvfrom`);
		});
		expectProcess(played.clients, played.client, 1);
		expect(pick([...played.servers, ...played.clients], "direction", "listen_port")).toEqual(
			expect.arrayContaining(ports.map((listen_port) => ({ direction: "passive", listen_port }))),
		);
	});
});

describe("what is not UDP", () => {
	for (const [kind, family] of [
		["raw", "IPPROTO_UDP in a raw socket"],
		["udplite", "UDP-Lite"],
	] as const)
		udpTest(family, async () => {
			const played = await play([], async (server, client) => {
				const port = await serve(server, "127.0.0.1");
				await client.do("open inet");
				await client.do(`connect 0 127.0.0.1 ${port}`);
				const { error } = await client.attempt(`open inet ${kind}`);
				expect([null, "EPROTONOSUPPORT"]).toContain(error);
				if (error === null)
					await client.do(`send 1 3 100 sendto 127.0.0.1 ${kind === "raw" ? 0 : port}`);
				// The same thread, which had another peer in mind a moment ago.
				await client.do("send 0 1 7 send");
				await server.do(`receive 0 1 ${BYTES} recvfrom`);
			});
			expect(addUp(played.clients)).toMatchObject({ connections_opened: 1, bytes_sent: 7 });
			expect(addUp(played.servers)).toMatchObject({ connections_opened: 1, bytes_received: 7 });
			expectNoUdpLost(played.run);
		});
});
