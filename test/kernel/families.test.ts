/** The same workload with each family of hooks: what is said of it is the same. */

import { expect } from "bun:test";
import type { EventRecord, FlowRecord } from "../../src/flow/records.ts";
import { socketsOf, totalsOf } from "../support/comparable.ts";
import { addUp, Conntracer, eventsOf, flowsOf } from "../support/conntracer.ts";
import { ROOM } from "../support/events.ts";
import { expectNothingLost } from "../support/expectations.ts";
import { CLIENT, FamilyScene, PLAYED, SERVER } from "../support/family-scene.ts";
import { familiesHere } from "../support/hooks.ts";
import { kernelTest } from "../support/root.ts";

/** Not retransmissions: on a slow machine there are some, or not. */
const EVENTS = "connect,connect_failed,accept,close,listen,unlisten,reset_sent,reset_received";

interface Said {
	readonly family: string;
	/** Of each socket, one after the other. */
	readonly events: readonly (readonly unknown[])[];
	readonly tcp: readonly unknown[];
	/** Null where this kernel has no hooks of the family for it. */
	readonly udp: readonly unknown[] | null;
}

const isOurs = ({ process }: { process: string | null }): boolean =>
	process === CLIENT || process === SERVER;

async function playWith(scene: FamilyScene, family: string): Promise<Said> {
	await scene.prepare();
	const hooks = ["--hooks", family];
	await using watch = await Conntracer.start(...hooks);
	await using events = await Conntracer.run("events", ...ROOM, "--events", EVENTS, ...hooks);
	await scene.play();
	// Two of each connection, that from before included.
	const closes = 2 * (PLAYED.opened + 1);
	await events.until(`${closes} closes`, (records) => {
		const ended = eventsOf(records, (event) => event.event === "close" && isOurs(event));
		return ended.length >= closes;
	});
	const runs = [await watch.stop(), await events.stop()] as const;
	for (const run of runs) expectNothingLost(run);
	const [{ records }, { records: happened }] = runs;
	const flowsBy = (transport: string): unknown[] =>
		totalsOf(flowsOf(records, (flow) => flow.transport === transport && isOurs(flow)));
	const hasUdp = !watch.ready.hooks["udp"]?.startsWith("none");
	return {
		family,
		events: socketsOf(eventsOf(happened, isOurs)),
		tcp: flowsBy("tcp"),
		udp: hasUdp ? flowsBy("udp") : null,
	};
}

/** So that it is not nothing that is the same. */
function expectAll({ events, tcp, udp }: Said): void {
	const names = events.flat().map((event) => (event as EventRecord).event);
	const count = (name: string): number => names.filter((each) => each === name).length;
	expect(["connect", "accept", "close", "connect_failed", "listen", "unlisten"].map(count)).toEqual(
		[...[PLAYED.opened, PLAYED.opened, 2 * (PLAYED.opened + 1), PLAYED.refused, 2, 3]],
	);
	const of = (rows: readonly unknown[], name: string) =>
		addUp((rows as FlowRecord[]).filter(({ process }) => process === name));
	expect([of(tcp, CLIENT), of(tcp, SERVER)]).toEqual([
		{
			...{ connections_opened: PLAYED.opened, connections_failed: PLAYED.refused },
			...{ connections_closed: PLAYED.opened + 1 },
			...{ bytes_sent: PLAYED.clientSent, bytes_received: PLAYED.serverSent },
		},
		{
			...{ connections_opened: PLAYED.opened, connections_failed: 0 },
			...{ connections_closed: PLAYED.opened + 1 },
			...{ bytes_sent: PLAYED.serverSent, bytes_received: PLAYED.serverReceived },
		},
	]);
	for (const name of udp === null ? [] : [CLIENT, SERVER])
		expect(of(udp ?? [], name)).toMatchObject({
			...{ connections_opened: 1, connections_closed: 1 },
			...{ bytes_sent: PLAYED.datagramBytes, bytes_received: PLAYED.datagramBytes },
		});
}

function familiesToCompare(): readonly string[] {
	const families = familiesHere();
	if (families.length > 1) return families;
	process.stderr.write(`this kernel has ${families} only: auto is compared with it\n`);
	return ["auto", ...families];
}

kernelTest("all families of hooks that this kernel has say the same", async () => {
	await using scene = new FamilyScene();
	await scene.open();
	const all: Said[] = [];
	for (const family of familiesToCompare()) all.push(await playWith(scene, family));
	for (const said of all) expectAll(said);
	const withUdp = all.filter(({ udp }) => udp !== null);
	for (const { family, events, tcp } of all.slice(1))
		expect({ family, events, tcp }).toEqual({
			...{ family, events: all[0]?.events ?? [], tcp: all[0]?.tcp ?? [] },
		});
	for (const { family, udp } of withUdp.slice(1))
		expect({ family, udp }).toEqual({ family, udp: withUdp[0]?.udp ?? [] });
	expect(withUdp.length).toBeGreaterThan(0);
});
