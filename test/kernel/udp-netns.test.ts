import { describe, expect } from "bun:test";
import { serve } from "../support/datagrams.ts";
import { NamespacePair, type NetworkNamespace } from "../support/namespaces.ts";
import { udpTest } from "../support/root.ts";
import { expectBothSides, type Played, pick, play } from "../support/udp.ts";

const SIZE = 100;

/** InDatagrams and OutDatagrams of the kernel, of UDP over IPv4 and IPv6 together. */
function kernelCounts({ prefix }: NetworkNamespace): { received: number; sent: number } {
	const read = (file: string): string => Bun.spawnSync([...prefix, "cat", file]).stdout.toString();
	const [names = [], values = []] = read("/proc/net/snmp")
		.split("\n")
		.filter((line) => line.startsWith("Udp: "))
		.map((line) => line.split(" "));
	const four = (name: string): number => Number(values[names.indexOf(name)]);
	const text = read("/proc/net/snmp6");
	const six = (name: string): number =>
		Number(new RegExp(`^Udp6${name}\\s+(\\d+)$`, "m").exec(text)?.[1]);
	return {
		received: four("InDatagrams") + six("InDatagrams"),
		sent: four("OutDatagrams") + six("OutDatagrams"),
	};
}

/** Every datagram of a process has `SIZE` bytes. */
function datagramsOf(played: Played, side: "servers" | "clients") {
	const sum = (field: "bytes_sent" | "bytes_received"): number =>
		played[side].reduce((total, flow) => total + (flow[field] ?? 0), 0) / SIZE;
	return { received: sum("bytes_received"), sent: sum("bytes_sent") };
}

function growth(pair: NamespacePair) {
	const [left, right] = [kernelCounts(pair.left), kernelCounts(pair.right)];
	return () => {
		const now = { left: kernelCounts(pair.left), right: kernelCounts(pair.right) };
		const minus = (a: typeof left, b: typeof left) => ({
			received: a.received - b.received,
			sent: a.sent - b.sent,
		});
		return { left: minus(now.left, left), right: minus(now.right, right) };
	};
}

describe("two network namespaces with a cable between them: as the kernel's own counters say", () => {
	const cases: [name: string, address: "ipv4" | "ipv6", how: "send" | "sendto"][] = [
		["IPv4, connected", "ipv4", "send"],
		["IPv4, not connected", "ipv4", "sendto"],
		["IPv6, connected", "ipv6", "send"],
		["IPv6, not connected", "ipv6", "sendto"],
	];
	for (const [name, address, how] of cases)
		udpTest(name, async () => {
			using pair = new NamespacePair();
			const counted = growth(pair);
			const where = { server: pair.right.prefix, client: pair.left.prefix };
			let port = 0;
			const scene: Parameters<typeof play>[1] = async (server, client) => {
				port = await serve(server, address === "ipv4" ? "0.0.0.0" : "::");
				await server.do("set 0 receive-buffer 8000000");
				await client.do(`open ${address === "ipv4" ? "inet" : "inet6"}`);
				await client.do("set 0 receive-buffer 8000000");
				const to = `${pair.right[address]} ${port}`;
				if (how === "send") await client.do(`connect 0 ${to}`);
				await client.do(`send 0 2000 ${SIZE} ${how} ${how === "send" ? "" : to}`);
				const { peer, peer_port } = await server.do("receive 0 2000 1000 recvfrom peek");
				await server.do(`send 0 500 ${SIZE} sendto ${peer} ${peer_port}`);
				await client.do("receive 0 500 1000 recvfrom");
			};
			const played = await play([], scene, where);
			expectBothSides(played);
			const kernel = counted();
			expect(datagramsOf(played, "clients")).toEqual(kernel.left);
			expect(datagramsOf(played, "servers")).toEqual(kernel.right);
			expect(kernel.left).toEqual({ sent: 2000, received: 500 });
			const [left, right] = pair.numbers();
			const keys = ["family", "remote_address", "netns", "listen_port"] as const;
			const remote = { family: address, listen_port: port };
			expect(pick(played.clients, ...keys)).toEqual([
				{ ...remote, remote_address: pair.right[address], netns: left ?? 0 },
			]);
			expect(pick(played.servers, ...keys)).toEqual([
				{ ...remote, remote_address: pair.left[address], netns: right ?? 0 },
			]);
		});

	udpTest("IPv4 in a socket of IPv6", async () => {
		using pair = new NamespacePair();
		const counted = growth(pair);
		const where = { server: pair.right.prefix, client: pair.left.prefix };
		const scene: Parameters<typeof play>[1] = async (server, client) => {
			const port = await serve(server, "::");
			await client.do("open inet6");
			await client.do(`send 0 100 ${SIZE} sendmmsg ::ffff:${pair.right.ipv4} ${port}`);
			await server.do("receive 0 100 1000 recvmmsg");
		};
		const played = await play([], scene, where);
		expectBothSides(played);
		expect(pick(played.servers, "family", "remote_address", "local_address")).toEqual([
			{ family: "ipv4", remote_address: pair.left.ipv4, local_address: "0.0.0.0" },
		]);
		expect(datagramsOf(played, "servers")).toEqual(counted().right);
	});
});
