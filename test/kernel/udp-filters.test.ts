import { describe, expect } from "bun:test";
import type { FlowRecord } from "../../src/flow/records.ts";
import { addUp, Conntracer, flowsOf } from "../support/conntracer.ts";
import { DatagramProcess, serve } from "../support/datagrams.ts";
import { processIs } from "../support/expectations.ts";
import { seesPeers } from "../support/hooks.ts";
import { someOf } from "../support/load.ts";
import { udpTest } from "../support/root.ts";
import { ownPrograms, runTraffic } from "../support/traffic.ts";
import { expectNoUdpLost, pick, play } from "../support/udp.ts";

const BYTES = 10_000;
const TCP = ownPrograms("udpf");

interface Known {
	readonly port: number;
	readonly clientPid: number;
	readonly names: { readonly server: string; readonly client: string };
}

/** A client that sends 3 datagrams of 100 bytes over IPv4, an answer of 50, and TCP beside it. */
async function watch(args: (known: Known) => readonly string[]) {
	await using server = new DatagramProcess("us");
	await using client = new DatagramProcess("uc");
	const port = await serve(server, "127.0.0.1");
	const known = {
		port,
		clientPid: (await client.truth()).pid,
		names: { server: server.name, client: client.name },
	};
	await using conntracer = await Conntracer.start(...args(known));
	await client.do("open inet");
	const { local_port } = await client.do(`send 0 3 100 sendto 127.0.0.1 ${port}`);
	await server.do(`receive 0 3 ${BYTES} recvfrom`);
	await server.do(`send 0 1 50 sendto 127.0.0.1 ${local_port}`);
	await client.do(`receive 0 1 ${BYTES} recvfrom`);
	await runTraffic(["churn", "--count", "1", ...TCP.names]);
	await Promise.all([server.end(), client.end()]);
	const run = await conntracer.stop();
	const matches = processIs(server.name, client.name, TCP.client, TCP.server);
	return { run, conntracer, known, flows: flowsOf(run.records, matches) };
}

const roleOf = ({ names }: Known, { process, transport }: FlowRecord): string =>
	transport === "tcp" ? "tcp" : process === names.client ? "client" : "server";

describe("filters select exactly", () => {
	const cases: [name: string, args: (known: Known) => string[], roles: string[]][] = [
		["nothing: UDP and TCP", () => [], ["client", "server", "tcp"]],
		["--transport udp", () => ["--transport", "udp"], ["client", "server"]],
		["--transport tcp", () => ["--transport", "tcp"], ["tcp"]],
		["--port", ({ port }) => ["--port", `${port}`], ["client", "server"]],
		["--local-port", ({ port }) => ["--local-port", `${port}`], ["server"]],
		["--remote-port", ({ port }) => ["--remote-port", `${port}`], ["client"]],
		["-p", ({ clientPid }) => ["-p", `${clientPid}`], ["client"]],
		["--process", ({ names }) => ["--process", names.server], ["server"]],
		["--direction active", () => ["--direction", "active", "--transport", "udp"], ["client"]],
		["--direction passive", () => ["--direction", "passive", "--transport", "udp"], ["server"]],
		["-4", () => ["-4", "--transport", "udp"], ["client", "server"]],
		["-6", () => ["-6", "--transport", "udp"], []],
		["--remote", () => ["--remote", "127.0.0.0/8", "--transport", "udp"], ["client", "server"]],
		["--remote !", () => ["--remote", "!127.0.0.0/8", "--transport", "udp"], []],
	];
	for (const [name, args, roles] of someOf(cases, 4))
		udpTest(name, async () => {
			const { flows, known, run } = await watch(args);
			expect([...new Set(flows.map((flow) => roleOf(known, flow)))].sort()).toEqual(roles);
			const udp = flows.filter((flow) => flow.transport === "udp");
			const { bytes_sent, bytes_received } = addUp(udp);
			expect([bytes_sent, bytes_received]).toEqual([
				(roles.includes("client") ? 300 : 0) + (roles.includes("server") ? 50 : 0),
				(roles.includes("client") ? 50 : 0) + (roles.includes("server") ? 300 : 0),
			]);
			expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
		});
});

describe("UDPDisabled", () => {
	udpTest("--transport tcp has no program for UDP in the kernel, and says so", async () => {
		await using conntracer = await Conntracer.start("--transport", "tcp");
		const { programs, hooks } = conntracer.ready;
		expect(programs.filter((name) => name.includes("udp"))).toEqual([]);
		expect(programs.length).toBeGreaterThan(0);
		expect(Object.keys(hooks).filter((name) => name.startsWith("udp"))).toEqual([]);
	});

	udpTest("--transport udp has no hook of TCP", async () => {
		await using conntracer = await Conntracer.start("--transport", "udp");
		const { programs, hooks } = conntracer.ready;
		expect(programs.filter((name) => name.startsWith("tp__"))).toEqual([]);
		expect(Object.keys(hooks)).toEqual(["map_walks", "udp", "udp_peers", "nat"]);
		if (!seesPeers()) expect(hooks).toMatchObject({ udp: "tracepoint", udp_peers: "cgroup" });
	});
});

describe("keys of a flow", () => {
	const scene = (aggregate: string) =>
		play(["--aggregate", aggregate], async (server, client) => {
			const port = await serve(server, "127.0.0.1");
			await client.do(`fan inet 5 100 send 127.0.0.1 ${port}`);
			await server.do(`receive 0 5 ${BYTES} recvfrom`);
		});
	const PORTS = ["local_port", "remote_port"] as const;

	udpTest("process: the ephemeral port is dropped", async () => {
		const { clients, servers, run } = await scene("process");
		expect(pick(clients, ...PORTS)).toHaveLength(1);
		expect(pick(servers, ...PORTS)).toHaveLength(1);
		expect([addUp(clients), addUp(servers)]).toMatchObject([
			{ connections_opened: 5, bytes_sent: 500 },
			{ connections_opened: 5, bytes_received: 500 },
		]);
		expectNoUdpLost(run);
	});

	udpTest("connection: both ports stay", async () => {
		const { clients, servers, run } = await scene("connection");
		expect(pick(clients, ...PORTS)).toHaveLength(5);
		expect(pick(servers, ...PORTS)).toHaveLength(5);
		expectNoUdpLost(run);
	});

	udpTest("service: whose it is plays no part", async () => {
		let port = 0;
		const { run } = await play(["--aggregate", "service"], async (server, client) => {
			port = await serve(server, "127.0.0.1");
			await client.do(`fan inet 5 100 send 127.0.0.1 ${port}`);
			await server.do(`receive 0 5 ${BYTES} recvfrom`);
		});
		const flows = flowsOf(run.records, (flow) => flow.listen_port === port);
		expect(pick(flows, "transport", "direction", "process", "cgroup_id")).toEqual(
			expect.arrayContaining(
				["active", "passive"].map((direction) => ({
					...{ transport: "udp", direction, process: null, cgroup_id: null },
				})),
			),
		);
		expect(addUp(flows)).toMatchObject({ connections_opened: 10, bytes_sent: 500 });
		expectNoUdpLost(run);
	});
});
