import { describe, expect } from "bun:test";
import type { DatagramProcess } from "../support/datagrams.ts";
import { serve } from "../support/datagrams.ts";
import { someOf } from "../support/load.ts";
import { udpTest } from "../support/root.ts";
import { expectBothSides, pick, play } from "../support/udp.ts";

/** Addresses to bind to and to send to, and what a row shows for the server and the client. */
interface Family {
	readonly name: string;
	readonly socket: "inet" | "inet6";
	readonly bind: string;
	readonly to: string;
	readonly family: "ipv4" | "ipv6";
	readonly shown: string;
	/** Of a socket that is bound to all addresses. */
	readonly any: string;
}

const FAMILIES: readonly Family[] = [
	{
		...{ name: "IPv4", socket: "inet", bind: "127.0.0.1", to: "127.0.0.1" },
		...{ family: "ipv4", shown: "127.0.0.1", any: "0.0.0.0" },
	},
	{
		...{ name: "IPv6", socket: "inet6", bind: "::1", to: "::1" },
		...{ family: "ipv6", shown: "::1", any: "::" },
	},
	{
		...{ name: "IPv4-mapped", socket: "inet6", bind: "::ffff:127.0.0.1", to: "::ffff:127.0.0.1" },
		...{ family: "ipv4", shown: "127.0.0.1", any: "0.0.0.0" },
	},
];

/** 10 datagrams there, and an answer to each. */
async function echo(
	server: DatagramProcess,
	client: DatagramProcess,
	family: Family,
	[send, receive]: readonly [string, string],
): Promise<{ port: number; clientPort: number }> {
	const port = await serve(server, family.bind);
	await client.do(`open ${family.socket}`);
	const connects = !send.endsWith(" to");
	const [how = ""] = send.split(" ");
	if (connects) await client.do(`connect 0 ${family.to} ${port}`);
	const to = connects ? "" : `${family.to} ${port}`;
	await client.do(`send 0 10 512 ${how} ${to}`);
	const { peer, peer_port } = await server.do("receive 0 10 65536 recvfrom");
	await server.do(`send 0 10 256 sendto ${peer} ${peer_port}`);
	const { local_port } = await client.do(`receive 0 10 65536 ${receive}`);
	return { port, clientPort: local_port ?? 0 };
}

const WAYS: readonly (readonly [send: string, receive: string])[] = [
	["sendto to", "recvfrom"],
	["sendmsg to", "recvmsg"],
	["sendmmsg to", "recvmmsg"],
	["uring to", "uring"],
	["send", "recv"],
	["write", "read"],
	["sendmsg", "recvfrom"],
	["sendmmsg", "recvmmsg"],
	["sendfile", "recv"],
	["splice", "recv"],
	["uring", "uring"],
];

/** What other tracers' suites call it. */
const ALSO_CALLED: Readonly<Record<string, string>> = {
	"IPv4: sendto to": "UnconnectedUDPSendIPv4",
	"IPv6: sendto to": "UnconnectedUDPSendIPv6",
	"IPv6: send": "ConnectedUDPSendIPv6",
};

function nameOf({ name }: Family, way: readonly [string, string]): string {
	const also = ALSO_CALLED[`${name}: ${way[0]}`];
	return [...(also === undefined ? [] : [also]), name, way.join(", ")].join(": ");
}

describe("UDPSendAndReceive: both processes, each byte, the peer and the direction", () => {
	const cases = FAMILIES.flatMap((family) => WAYS.map((way) => [family, way] as const));
	for (const [family, way] of someOf(cases, 9))
		udpTest(nameOf(family, way), async () => {
			let ports = { port: 0, clientPort: 0 };
			const played = await play(["--aggregate", "connection"], async (server, client) => {
				ports = await echo(server, client, family, way);
			});
			expectBothSides(played);
			expect(played.client).toMatchObject({ bytes_sent: 5120, bytes_received: 2560 });
			expect(played.server).toMatchObject({ bytes_sent: 2560, bytes_received: 5120 });
			const isConnected = !way[0].endsWith(" to");
			const { port, clientPort } = ports;
			const shared = { family: family.family, listen_port: port, remote_address: family.shown };
			const keys = ["family", "listen_port", "remote_address", "local_address"] as const;
			expect(pick(played.clients, ...keys, "local_port", "remote_port")).toEqual([
				{
					...shared,
					local_address: isConnected ? family.shown : family.any,
					local_port: clientPort,
					remote_port: port,
				},
			]);
			expect(pick(played.servers, ...keys, "local_port", "remote_port")).toEqual([
				{ ...shared, local_address: family.shown, local_port: port, remote_port: clientPort },
			]);
		});
});
