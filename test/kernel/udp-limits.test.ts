import { describe, expect } from "bun:test";
import { addUp, Conntracer, flowsOf, gapsOf, type Run } from "../support/conntracer.ts";
import { DatagramProcess, serve } from "../support/datagrams.ts";
import { processIs } from "../support/expectations.ts";
import { seesPeers } from "../support/hooks.ts";
import { NamespacePair } from "../support/namespaces.ts";
import { udpTest } from "../support/root.ts";
import { lostOf } from "../support/udp.ts";

const SIZE = 100;
const PEERS = 1000;
const BYTES = 10_000;

/** One datagram from each of 1000 sockets, and their receipt, in a network namespace of its own. */
async function fan(server: DatagramProcess, client: DatagramProcess): Promise<void> {
	const port = await serve(server, "127.0.0.1");
	await server.do("set 0 receive-buffer 8000000");
	await client.do(`fan inet ${PEERS} ${SIZE} send 127.0.0.1 ${port}`);
	await server.do(`receive 0 ${PEERS} ${BYTES} recvfrom`);
}

function datagramsOf(run: Run, ...names: string[]): number {
	const { bytes_sent, bytes_received } = addUp(flowsOf(run.records, processIs(...names)));
	return (bytes_sent + bytes_received) / SIZE;
}

describe("1000 conversations, both ends, in a table for 100", () => {
	for (const [args, exitCode] of [
		[[], 0],
		[["--strict"], 6],
	] as const)
		udpTest(`what has no room is counted in datagrams ${args.join(" ")}`, async () => {
			using pair = new NamespacePair();
			await using server = new DatagramProcess("us", pair.left.prefix);
			await using client = new DatagramProcess("uc", pair.left.prefix);
			await Promise.all([server.truth(), client.truth()]);
			await using conntracer = await Conntracer.start(
				...["--transport", "udp", "--max-connections", "100", ...args],
				...["--netns", `/run/netns/${pair.left.name}`],
			);
			await fan(server, client);
			await server.end();
			await client.end();
			const run = await conntracer.stop();
			const seen = datagramsOf(run, server.name, client.name);
			const lost = lostOf(run.records, "udp_table");
			expect(seen).toBeGreaterThan(0);
			expect(seen).toBeLessThanOrEqual(100);
			expect(seen + lost).toBe(2 * PEERS);
			expect(gapsOf(run.records).map(({ stage }) => stage)).toEqual(
				gapsOf(run.records).map(() => "udp_table"),
			);
			const ours = flowsOf(run.records, processIs(server.name, client.name));
			const sum = addUp(ours);
			expect(sum.connections_opened).toBe(sum.connections_closed);
			expect(Math.min(...ours.map((flow) => flow.connections_opened))).toBeGreaterThanOrEqual(0);
			const summary = run.records.at(-1);
			expect(summary?.type === "summary" ? summary.lost.udp_table : null).toBe(lost);
			expect(run.exitCode).toBe(exitCode);
		});
});

udpTest("a table that was full takes conversations again when sockets are closed", async () => {
	await using server = new DatagramProcess("us");
	await using client = new DatagramProcess("uc");
	await using late = new DatagramProcess("ul");
	await late.truth();
	await using conntracer = await Conntracer.start(
		...["--transport", "udp", "--max-connections", "100"],
	);
	await fan(server, client);
	await conntracer.until("a gap", (records) => gapsOf(records).length > 0);
	await client.end();
	await server.end();
	await conntracer.until("the end of all", (records) => {
		const sum = addUp(flowsOf(records, processIs(server.name, client.name)));
		return sum.connections_closed === sum.connections_opened;
	});
	await late.do(`fan inet 50 ${SIZE} sendto 127.0.0.1 9`);
	const { bytes_sent } = await late.end();
	const run = await conntracer.stop();
	expect(addUp(flowsOf(run.records, processIs(late.name)))).toMatchObject({
		connections_opened: 50,
		connections_closed: 50,
		bytes_sent,
	});
});

udpTest("1000 flows in a table for 10: what has no room is counted", async () => {
	using pair = new NamespacePair();
	await using server = new DatagramProcess("us", pair.left.prefix);
	await using client = new DatagramProcess("uc", pair.left.prefix);
	await Promise.all([server.truth(), client.truth()]);
	await using conntracer = await Conntracer.start(
		...["--transport", "udp", "--max-flows", "10", "--aggregate", "connection"],
		...["--netns", `/run/netns/${pair.left.name}`],
	);
	await fan(server, client);
	await server.end();
	await client.end();
	const run = await conntracer.stop();
	const { connections_opened } = addUp(flowsOf(run.records));
	expect(connections_opened).toBeGreaterThan(0);
	expect(connections_opened + lostOf(run.records, "flow_table")).toBe(2 * PEERS);
	expect(lostOf(run.records, "udp_table")).toBe(0);
	expect(run.exitCode).toBe(0);
});

udpTest("nothing is left over, whether sockets are closed, killed or idle", async () => {
	await using server = new DatagramProcess("us");
	const port = await serve(server, "127.0.0.1");
	await using conntracer = await Conntracer.start("--transport", "udp", "--udp-timeout", "200ms");
	await using killed = new DatagramProcess("uk");
	await using idle = new DatagramProcess("ui");
	const [, ofIdle] = [
		await killed.do(`fan inet 30 ${SIZE} send 127.0.0.1 ${port}`),
		await idle.do(`fan inet 30 ${SIZE} send 127.0.0.1 ${port}`),
	];
	await killed[Symbol.asyncDispose]();
	await server.do(`receive 0 60 ${BYTES} recv`);
	// By recv(): who sent, it does not ask.
	const ofServer = seesPeers() ? 60 : 1;
	await conntracer.untilClosed(60 + ofServer, processIs(killed.name, idle.name, server.name));
	expect(ofIdle.datagrams).toBe(30);
	const run = await conntracer.stop();
	for (const [{ name }, opened] of [
		[killed, 30],
		[idle, 30],
		[server, ofServer],
	] as const) {
		const flows = flowsOf(run.records, processIs(name));
		expect(addUp(flows)).toMatchObject({ connections_opened: opened, connections_closed: opened });
		expect(flows.at(-1)?.connections_open).toBe(0);
	}
});
