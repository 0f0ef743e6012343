import { describe, expect } from "bun:test";
import { TestCgroup } from "../support/cgroup.ts";
import { serve } from "../support/datagrams.ts";
import { seesPeers } from "../support/hooks.ts";
import { udpTest } from "../support/root.ts";
import { expectBothSides, expectNoUdpLost, expectProcess, pick, play } from "../support/udp.ts";

const BYTES = 10_000;

udpTest("processes in a cgroup below are traced, and their cgroup is told", async () => {
	using cgroup = new TestCgroup();
	const { id } = cgroup;
	const played = await play([], async (server, client) => {
		for (const each of [server, client]) cgroup.take((await each.truth()).pid);
		const port = await serve(server, "127.0.0.1");
		await client.do("open inet");
		await client.do(`send 0 3 100 sendto 127.0.0.1 ${port}`);
		await server.do(`receive 0 3 ${BYTES} recvfrom`);
	});
	expectBothSides(played);
	expect(pick([...played.servers, ...played.clients], "cgroup_id")).toEqual([{ cgroup_id: id }]);
});

udpTest("a process that has gone to another cgroup since it opened its socket", async () => {
	using cgroup = new TestCgroup();
	using other = new TestCgroup();
	const played = await play([], async (server, client) => {
		const { pid } = await client.truth();
		cgroup.take(pid);
		const port = await serve(server, "127.0.0.1");
		await client.do("open inet");
		other.take(pid);
		await client.do(`send 0 3 100 sendto 127.0.0.1 ${port}`);
		await server.do(`receive 0 3 ${BYTES} recvfrom`);
	});
	expectBothSides(played);
});

describe("beside programs of others, in the cgroup of the process", () => {
	udpTest("what they forbid does not count, and leaves nothing behind", async () => {
		using cgroup = new TestCgroup();
		cgroup.attach("wall");
		const played = await play(["--aggregate", "connection"], async (server, client) => {
			cgroup.take((await client.truth()).pid);
			const port = await serve(server, "127.0.0.1");
			await client.do("open inet");
			await client.do(`connect 0 127.0.0.1 ${port}`);
			expect((await client.attempt("send 0 1 100 sendto 127.0.0.13 9")).error).toBe("EPERM");
			await client.do("send 0 1 100 send");
			await server.do(`receive 0 1 ${BYTES} recvfrom`);
		});
		expectBothSides(played);
		expect(pick(played.clients, "remote_address")).toEqual([{ remote_address: "127.0.0.1" }]);
	});

	udpTest("a connected socket has the peer that datagrams go to, whatever it is told", async () => {
		using cgroup = new TestCgroup();
		cgroup.attach("to_place_connected", "to_place", "from_name");
		const played = await play(["--aggregate", "connection"], async (server, client) => {
			cgroup.take((await client.truth()).pid);
			const port = await serve(server, "127.0.0.1");
			await client.do("open inet");
			await client.do(`connect 0 127.0.0.9 ${port}`);
			const { local_port } = await client.do("send 0 2 100 send");
			await server.do(`receive 0 2 ${BYTES} recvfrom`);
			await server.do(`send 0 2 50 sendto 127.0.0.1 ${local_port}`);
			const { peer } = await client.do(`receive 0 2 ${BYTES} recvfrom`);
			expect(peer).toBe("127.0.0.9");
		});
		expectBothSides(played);
		expect(pick(played.clients, "remote_address")).toEqual([{ remote_address: "127.0.0.1" }]);
	});

	udpTest("one that is not: where it sends to, and who it is told has answered", async () => {
		using cgroup = new TestCgroup();
		cgroup.attach("to_place", "from_name");
		const played = await play(["--aggregate", "connection"], async (server, client) => {
			cgroup.take((await client.truth()).pid);
			const port = await serve(server, "127.0.0.1");
			await client.do("open inet");
			const { local_port } = await client.do(`send 0 2 100 sendto 127.0.0.9 ${port}`);
			await server.do(`receive 0 2 ${BYTES} recvfrom`);
			await server.do(`send 0 2 50 sendto 127.0.0.1 ${local_port}`);
			await client.do(`receive 0 2 ${BYTES} recvfrom`);
		});
		expectProcess(played.clients, played.client, seesPeers() ? 1 : 2);
		const moved = pick(played.clients, "remote_address", "bytes_sent", "bytes_received");
		const onTheWire = [{ remote_address: "127.0.0.1", bytes_sent: 200, bytes_received: 100 }];
		const asTold = [
			{ remote_address: "127.0.0.1", bytes_sent: 200, bytes_received: 0 },
			{ remote_address: "127.0.0.9", bytes_sent: 0, bytes_received: 100 },
		];
		expect(moved.filter((row) => (row.bytes_sent ?? 0) + (row.bytes_received ?? 0) > 0)).toEqual(
			seesPeers() ? onTheWire : asTold,
		);
		expectNoUdpLost(played.run);
	});
});
