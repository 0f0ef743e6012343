/** A watch, a server and a client of UDP, and what must hold between them. */

import { expect } from "bun:test";
import type { FlowRecord } from "../../src/flow/records.ts";
import { addUp, Conntracer, flowsOf, gapsOf, type OutputRecord, type Run } from "./conntracer.ts";
import { DatagramProcess, type DatagramTruth } from "./datagrams.ts";
import { processIs } from "./expectations.ts";

export interface Played {
	readonly run: Run;
	readonly server: DatagramTruth;
	readonly client: DatagramTruth;
	readonly servers: readonly FlowRecord[];
	readonly clients: readonly FlowRecord[];
}

export interface Where {
	readonly server: readonly string[];
	readonly client: readonly string[];
}

const HERE: Where = { server: [], client: [] };

/** Plays a scene under a watch; it is over when both processes have ended. */
export async function play(
	args: readonly string[],
	scene: (server: DatagramProcess, client: DatagramProcess) => Promise<void>,
	where: Where = HERE,
): Promise<Played> {
	await using server = new DatagramProcess("us", where.server);
	await using client = new DatagramProcess("uc", where.client);
	// They have their names before they do anything.
	await Promise.all([server.truth(), client.truth()]);
	await using conntracer = await Conntracer.start("--transport", "udp", ...args);
	await scene(server, client);
	const truths = { server: await server.end(), client: await client.end() };
	const run = await conntracer.stop();
	return {
		...truths,
		run,
		servers: flowsOf(run.records, processIs(server.name)),
		clients: flowsOf(run.records, processIs(client.name)),
	};
}

export function expectNoUdpLost(run: Run): void {
	expect(gapsOf(run.records)).toEqual([]);
	expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
}

/** All rows of one process: each byte, and nothing that stays open. */
export function expectProcess(
	flows: readonly FlowRecord[],
	truth: DatagramTruth,
	conversations: number,
): void {
	expect(addUp(flows)).toEqual({
		connections_opened: conversations,
		connections_failed: 0,
		connections_closed: conversations,
		bytes_sent: truth.bytes_sent,
		bytes_received: truth.bytes_received,
	});
	const about = new Set(flows.map((flow) => `${flow.transport} ${flow.last_pid} ${flow.netns}`));
	expect(about).toEqual(new Set([`udp ${truth.pid} ${truth.netns}`]));
	expect(openAtEnd(flows)).toBe(0);
	for (const flow of flows)
		expect([flow.segments_retransmitted, flow.rtt_us, flow.connections_failed]).toEqual([
			0,
			null,
			0,
		]);
}

/** The two processes have spoken with each other only. */
export function expectBothSides(played: Played, conversations = 1): void {
	expectProcess(played.clients, played.client, conversations);
	expectProcess(played.servers, played.server, conversations);
	expect(new Set(played.clients.map((flow) => flow.direction))).toEqual(new Set(["active"]));
	expect(new Set(played.servers.map((flow) => flow.direction))).toEqual(new Set(["passive"]));
	expectNoUdpLost(played.run);
}

/** Of the last row of each flow. */
function openAtEnd(flows: readonly FlowRecord[]): number {
	const last = new Map<string, number>();
	for (const flow of flows) {
		const { direction, local_address, remote_address, local_port, remote_port, listen_port } = flow;
		const where = [local_address, remote_address, local_port, remote_port, listen_port];
		last.set([flow.process, direction, ...where].join(), flow.connections_open);
	}
	return [...last.values()].reduce((sum, open) => sum + open, 0);
}

/** So that rows of many intervals can be compared with a table. */
export function pick<K extends keyof FlowRecord>(
	flows: readonly FlowRecord[],
	...keys: readonly K[]
): Pick<FlowRecord, K>[] {
	const found = new Map<string, Pick<FlowRecord, K>>();
	for (const flow of flows) {
		const picked = Object.fromEntries(keys.map((key) => [key, flow[key]])) as Pick<FlowRecord, K>;
		found.set(JSON.stringify(picked), picked);
	}
	return [...found.values()];
}

/** What was lost in a stage, as the gaps say. */
export function lostOf(records: readonly OutputRecord[], stage: string): number {
	const gaps = gapsOf(records).filter((gap) => gap.stage === stage);
	return gaps.reduce((sum, gap) => sum + gap.count, 0);
}
