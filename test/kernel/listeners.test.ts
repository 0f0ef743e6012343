import { describe, expect } from "bun:test";
import type { EventRecord } from "../../src/flow/records.ts";
import { Conntracer, eventsOf } from "../support/conntracer.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic, Traffic } from "../support/traffic.ts";

const { server: SERVER, names: NAMES } = ownPrograms("lsn");
const PROGRAMS = [
	["retransmit", "tp__tcp_retransmit_skb", "tp__tcp_retransmit_synack"],
	["reset_sent", "tp__tcp_send_reset"],
	["reset_received", "tp__tcp_receive_reset"],
] as const;

/** Of the server, which listens on one port and closes it. */
function expectListener(event: EventRecord | undefined, pid: number, address: string): void {
	expect(event).toMatchObject({
		...{ pid, tid: pid, process: SERVER, direction: "passive", transport: "tcp", error: null },
		...{ local_address: address, remote_address: null, remote_port: null, close_reason: null },
		...{ bytes_sent: 0, bytes_received: 0, rtt_us: null },
		family: address.includes(":") ? "ipv6" : "ipv4",
	});
}

async function traced(): Promise<Conntracer> {
	return await Conntracer.run("events", "--events", "listen,unlisten", "--process", SERVER);
}

async function end(conntracer: Conntracer, count: number): Promise<EventRecord[]> {
	await conntracer.until(`${count} events`, (records) => eventsOf(records).length >= count);
	return eventsOf((await conntracer.stop()).records);
}

for (const address of ["127.0.0.1", "0.0.0.0", "::1", "::"])
	kernelTest(`listening on ${address} begins and ends with the same id`, async () => {
		await using conntracer = await traced();
		const { servers } = await runTraffic(
			["churn", "--listen", address, "--count", "1", ...NAMES].concat(
				address.includes(":") ? ["--connect", "::1"] : [],
			),
		);
		const [listen, unlisten, ...others] = await end(conntracer, 2);
		const pid = servers[0]?.pid ?? 0;
		expectListener(listen, pid, address);
		expectListener(unlisten, pid, address);
		expect(listen).toMatchObject({ event: "listen", state: "LISTEN", attribution: "task" });
		expect(listen?.executable).toContain("traffic");
		expect(unlisten).toMatchObject({ event: "unlisten", state: "CLOSE", attribution: "listener" });
		const { id, local_port, opened, executable } = listen ?? {};
		expect(unlisten).toMatchObject({ id, local_port, opened, executable, preexisting: false });
		expect(unlisten?.duration_ms).toBeGreaterThan(0);
		expect(others).toEqual([]);
	});

kernelTest("one that listened before the start has only the end, and an id", async () => {
	await using traffic = new Traffic(["serve", "--count", "1", ...NAMES]);
	const { ports, pids } = await traffic.ready();
	await using conntracer = await traced();
	await runTraffic(["client", "--port", String(ports[0]), ...NAMES]);
	await traffic.finish();
	const [unlisten, ...others] = await end(conntracer, 1);
	expectListener(unlisten, pids[0] ?? 0, "127.0.0.1");
	expect(unlisten).toMatchObject({
		...{ event: "unlisten", local_port: ports[0], preexisting: true, attribution: "listener" },
		...{ opened: null, duration_ms: null },
	});
	expect(unlisten?.id).toMatch(/^[1-9]\d*$/);
	expect(others).toEqual([]);
});

describe("programs are loaded only for what is asked for:", () => {
	for (const [event, ...programs] of PROGRAMS)
		kernelTest(event, async () => {
			await using conntracer = await Conntracer.run("events", "--events", event);
			const onRequest = PROGRAMS.flatMap(([, ...names]): string[] => names);
			const loaded = conntracer.ready.programs.filter((name) => onRequest.includes(name));
			expect(loaded.toSorted()).toEqual([...programs].toSorted());
			await conntracer.stop();
		});

	kernelTest("none by default", async () => {
		await using conntracer = await Conntracer.run("events");
		const all = PROGRAMS.flatMap(([, ...names]): string[] => names);
		expect(conntracer.ready.programs.filter((name) => all.includes(name))).toEqual([]);
		await conntracer.stop();
	});
});
