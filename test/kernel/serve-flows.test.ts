import { expect } from "bun:test";
import type { FlowRecord } from "../../src/flow/records.ts";
import type { ClientConnection, ClientFlows } from "../../src/trace/client-records.ts";
import { DatagramProcess, meet } from "../support/datagrams.ts";
import { manyOf } from "../support/load.ts";
import { kernelTest, udpTest } from "../support/root.ts";
import { Scratch, Service } from "../support/service.ts";
import { ownPrograms, runTraffic, Traffic, totals } from "../support/traffic.ts";
import { until } from "../support/until.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("srvf");

async function flows(service: Service, query: string): Promise<ClientFlows> {
	return (await (await service.ask(`/flows?client_id=${query}`)).json()) as ClientFlows;
}

type Counter = "bytes_sent" | "connections_closed" | "connections_failed";

const of = (all: readonly FlowRecord[], name: string) =>
	all.filter(({ process }) => process === name);
const sum = (all: readonly FlowRecord[], field: Counter) =>
	all.reduce((total, flow) => total + (flow[field] ?? 0), 0);

kernelTest("flows of a client are what the programs did since it asked last", async () => {
	using scratch = new Scratch();
	await using service = await Service.start(scratch.in("api.sock"));
	await flows(service, "a");
	await service.connections("a");
	const count = manyOf(1000);
	const truth = await runTraffic(["churn", "--count", `${count}`, "--request", "77", ...NAMES]);
	const heard: FlowRecord[] = [];
	const hearAtLeast = async (what: string, most: number, soFar: () => number): Promise<void> => {
		const isAll = async (): Promise<boolean> => {
			heard.push(...(await flows(service, "a")).flows);
			return soFar() >= most;
		};
		await until(what, isAll, { soFar });
	};
	await hearAtLeast("each end", count, () => sum(of(heard, SERVER), "connections_closed"));
	for (const [name, side] of [
		[CLIENT, truth.clients],
		[SERVER, truth.servers],
	] as const) {
		const own = of(heard, name);
		expect(sum(own, "bytes_sent")).toBe(totals(side).bytes_sent);
		expect(sum(own, "connections_closed")).toBe(count);
		expect(own.reduce((all, flow) => all + flow.connections_opened, 0)).toBe(count);
		expect(own.at(-1)?.connections_open).toBe(0);
	}
	// What it is told of flows it is told of connections, too.
	const { connections } = await service.connections("a");
	const closed = connections
		.filter(({ process }) => process === CLIENT)
		.reduce((all, { since_last }) => all + since_last.connections_closed, 0);
	expect(closed).toBe(count);
	await runTraffic(["refused", "--count", "9", ...NAMES]);
	await hearAtLeast("each failure", 9, () => sum(of(heard, CLIENT), "connections_failed"));
	expect(sum(of(heard, CLIENT), "connections_failed")).toBe(9);
});

udpTest("UDP is among connections and flows, with what its programs sent", async () => {
	using scratch = new Scratch();
	await using service = await Service.start(scratch.in("api.sock"));
	await using server = new DatagramProcess("srvu");
	await using client = new DatagramProcess("clu");
	await flows(service, "a");
	await service.connections("a");
	const port = await meet(server, client);
	await client.do("send 0 10 512 send");
	await server.do("receive 0 10 65536 recvfrom");
	const udpOf = async (name: string): Promise<ClientConnection[]> =>
		(await service.connections("a")).connections.filter(({ process }) => process === name);
	expect(await udpOf(client.name)).toMatchObject([
		{
			...{ transport: "udp", direction: "active", remote_port: port, is_open: true },
			...{ segments_sent: null, state: "ESTABLISHED" },
			since_last: { connections_opened: 1, bytes_sent: 5120, segments_sent: null },
		},
	]);
	await client.do("send 0 3 100 send");
	expect(await udpOf(client.name)).toMatchObject([
		{ bytes_sent: 5420, since_last: { connections_opened: 0, bytes_sent: 300 } },
	]);
	await client.do("close 0");
	const [over] = await udpOf(client.name);
	expect(over).toMatchObject({ is_open: false, bytes_sent: 5420, since_last: { bytes_sent: 0 } });
	const { flows: all } = await flows(service, "a");
	expect(of(all, client.name)).toMatchObject([
		{
			...{ transport: "udp", listen_port: port, bytes_sent: 5420 },
			...{ connections_opened: 1, connections_closed: 1, connections_open: 0 },
		},
	]);
});

kernelTest("with --transport tcp nothing of UDP is hooked", async () => {
	using scratch = new Scratch();
	await using service = await Service.start(scratch.in("api.sock"), "--transport", "tcp");
	const { hooks } = (await (await service.ask("/stats")).json()) as { hooks: object };
	expect(Object.keys(hooks).filter((name) => name.startsWith("udp"))).toEqual([]);
});

kernelTest("what is in the kernel, and what is kept for clients, can be looked at", async () => {
	using scratch = new Scratch();
	await using traffic = new Traffic(["hold", "--count", "5", ...NAMES]);
	await traffic.held();
	await using service = await Service.start(scratch.in("api.sock"), "--process", "nobody");
	const { connections } = await service.connections("a");
	expect(connections).toEqual([]);
	const get = async (path: string) => await (await service.ask(path)).json();
	const maps = (await get("/debug/maps")) as { connections: ClientConnection[] };
	const own = maps.connections.filter(({ process }) => process === CLIENT);
	expect(own.length).toBe(5);
	expect(await get("/debug/state")).toMatchObject({ clients: [{ client: "a", open: 0 }] });
	expect(await get("/doctor")).toMatchObject({ type: "doctor", can_watch: true, error: null });
});
