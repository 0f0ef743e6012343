import { describe, expect } from "bun:test";
import { addUp } from "../support/conntracer.ts";
import { meet, serve } from "../support/datagrams.ts";
import { isOlderThan, udpTest } from "../support/root.ts";
import { expectBothSides, expectNoUdpLost, expectProcess, pick, play } from "../support/udp.ts";

const BYTES = 10_000;

describe("what counts is what a call returned", () => {
	udpTest("UDPPacketSumming: 1 + 2 + 3 + 4 bytes are 10", async () => {
		const played = await play([], async (server, client) => {
			await meet(server, client);
			for (const size of [1, 2, 3, 4]) await client.do(`send 0 1 ${size} send`);
			await server.do(`receive 0 4 ${BYTES} recvfrom`);
		});
		expectBothSides(played);
		expect(addUp(played.clients).bytes_sent).toBe(10);
		expect(addUp(played.servers).bytes_received).toBe(10);
	});

	for (const how of ["recvfrom", "recvmsg", "recvmmsg"])
		udpTest(`UDPPeekCount: what is peeked at counts once: ${how}`, async () => {
			const played = await play([], async (server, client) => {
				await meet(server, client);
				await client.do("send 0 5 100 send");
				await server.do(`receive 0 5 ${BYTES} ${how} peek`);
			});
			expectBothSides(played);
			expect(played.server).toMatchObject({ datagrams_received: 5, bytes_received: 500 });
		});

	udpTest("what is peeked at, and not received, does not count", async () => {
		const played = await play([], async (server, client) => {
			await meet(server, client);
			await client.do("send 0 1 100 send");
			await server.do(`receive 0 1 ${BYTES} recvfrom`);
			await client.do("send 0 1 70 send");
			await server.do(`peek 0 ${BYTES}`);
		});
		expectBothSides(played);
		expect([played.client.bytes_sent, played.server.bytes_received]).toEqual([170, 100]);
	});

	udpTest("a buffer that is too small: what it took", async () => {
		const played = await play([], async (server, client) => {
			await meet(server, client);
			await client.do("send 0 3 1000 send");
			await server.do("receive 0 3 100 recvfrom");
		});
		expectBothSides(played);
		expect([played.client.bytes_sent, played.server.bytes_received]).toEqual([3000, 300]);
	});

	udpTest("with MSG_TRUNC: the length that the call returned", async () => {
		const played = await play([], async (server, client) => {
			await meet(server, client);
			await client.do("send 0 3 1000 send");
			await server.do("receive 0 3 100 recvfrom truncate");
		});
		expectBothSides(played);
		expect(played.server.bytes_received).toBe(3000);
	});

	udpTest("datagrams without payload make a connection without bytes", async () => {
		const played = await play([], async (server, client) => {
			await meet(server, client);
			await client.do("send 0 3 0 send");
			await server.do(`receive 0 3 ${BYTES} recvfrom`);
		});
		expectBothSides(played);
		expect(played.server).toMatchObject({ datagrams_received: 3, bytes_received: 0 });
	});

	udpTest("one call of several segments (UDP_SEGMENT) is all its bytes", async () => {
		const played = await play([], async (server, client) => {
			await meet(server, client);
			await client.do("set 0 segment 100");
			await client.do("send 0 2 950 sendmsg");
			await server.do(`receive 0 20 ${BYTES} recvfrom`);
		});
		expectBothSides(played);
		expect(played.client).toMatchObject({ datagrams_sent: 2, bytes_sent: 1900 });
		expect(played.server).toMatchObject({ datagrams_received: 20, bytes_received: 1900 });
	});

	/** Before 6.5 (2dc334f1a63a) each page is a datagram of its own over IPv6. */
	const ofPages = isOlderThan("6.5") ? 3 * Math.ceil(30_000 / 4096) : 3;
	for (const [family, address, datagrams] of [
		["IPv4", "127.0.0.1", 3],
		["IPv6", "::1", ofPages],
	] as const)
		udpTest(`SendfileRegression: ${family}, as many bytes as sendfile() returned`, async () => {
			const played = await play([], async (server, client) => {
				const port = await serve(server, address);
				await client.do(`open ${family === "IPv4" ? "inet" : "inet6"}`);
				await client.do(`connect 0 ${address} ${port}`);
				await client.do("send 0 3 30000 sendfile");
				await server.do(`receive 0 ${datagrams} 65536 recvfrom`);
			});
			expectBothSides(played);
			expect([played.client.bytes_sent, played.server.bytes_received]).toEqual([90_000, 90_000]);
		});
});

describe("calls that fail count nothing", () => {
	udpTest("a closed port: the send after the ICMP error", async () => {
		const played = await play([], async (server, client) => {
			await meet(server, client);
			await server.do("close 0");
			await client.do("send 0 1 100 send");
			expect((await client.attempt("send 0 1 100 send")).error).toBe("ECONNREFUSED");
			await client.do("send 0 1 100 send");
			expect((await client.attempt(`receive 0 1 ${BYTES} recv`)).error).toBe("ECONNREFUSED");
		});
		expectProcess(played.clients, played.client, 1);
		expect(played.client.bytes_sent).toBe(200);
		expect(played.servers).toEqual([]);
		expectNoUdpLost(played.run);
	});

	udpTest("a receive that does not wait, and one without a destination", async () => {
		const played = await play([], async (server, client) => {
			await serve(server, "127.0.0.1");
			expect((await server.attempt("receive 0 1 100 recvfrom now")).error).toBe("EAGAIN");
			expect((await server.attempt("receive 0 1 100 recv now")).error).toBe("EAGAIN");
			await client.do("open inet");
			expect((await client.attempt("send 0 1 100 send")).error).toBe("EDESTADDRREQ");
		});
		expect([...played.clients, ...played.servers]).toEqual([]);
		expectNoUdpLost(played.run);
	});

	udpTest(
		"a datagram that is too long, to another peer, leaves nothing for the next call",
		async () => {
			const ports: number[] = [];
			const played = await play(["--aggregate", "connection"], async (server, client) => {
				ports.push(await meet(server, client));
				const far = `127.0.0.2 ${ports[0]}`;
				expect((await client.attempt(`send 0 1 65530 sendto ${far}`)).error).toBe("EMSGSIZE");
				await client.do("send 0 1 100 send");
				await server.do(`receive 0 1 ${BYTES} recvfrom`);
			});
			expectBothSides(played);
			expect(pick(played.clients, "remote_address", "remote_port")).toEqual([
				{ remote_address: "127.0.0.1", remote_port: ports[0] ?? 0 },
			]);
		},
	);

	udpTest("recv() of a socket that is shut down", async () => {
		const played = await play([], async (server, client) => {
			await meet(server, client);
			await client.do("send 0 1 100 send");
			await server.do(`receive 0 1 ${BYTES} recvfrom`);
			await server.attempt("shutdown 0");
			expect(await server.do(`receive 0 1 ${BYTES} recv`)).toMatchObject({ bytes: 0 });
			await client.do("shutdown 0");
			expect(await client.do(`receive 0 1 ${BYTES} recv`)).toMatchObject({ bytes: 0 });
		});
		expectBothSides(played);
	});
});
