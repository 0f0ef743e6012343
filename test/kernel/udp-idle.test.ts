import { describe, expect } from "bun:test";
import type { FlowRecord } from "../../src/flow/records.ts";
import { addUp, Conntracer, flowsOf } from "../support/conntracer.ts";
import { DatagramProcess, meet, type Result } from "../support/datagrams.ts";
import { processIs } from "../support/expectations.ts";
import { udpTest } from "../support/root.ts";
import { expectNoUdpLost } from "../support/udp.ts";

const TIMEOUT_MS = 300;
const STREAM_TIMEOUT_MS = 900;
const TIMEOUTS = ["--udp-timeout", `${TIMEOUT_MS}ms`, "--udp-stream-timeout", "900ms"];
/** Two clocks, and what each is read for. */
const CLOCKS_MS = 10;
const BYTES = 10_000;

const msOf = (result: Result, when: "before_ns" | "after_ns") => Number(result[when]) / 1e6;

/** The reading that closed it, and the last one but one before: what was not closed then was not idle. */
function timesOf(flows: readonly FlowRecord[]): { closed: number; earlier: number | null } {
	const index = flows.findIndex((flow) => flow.connections_closed > 0);
	const timeAt = (at: number) => Date.parse(flows[at]?.time ?? "");
	expect(index).toBeGreaterThanOrEqual(0);
	return { closed: timeAt(index), earlier: index < 2 ? null : timeAt(index - 2) };
}

/** Not before `timeoutMs` without a datagram, and not an interval later than need be. */
function expectClosedAfter(flows: readonly FlowRecord[], timeoutMs: number, last: Result): void {
	const { closed, earlier } = timesOf(flows);
	expect(closed).toBeGreaterThanOrEqual(msOf(last, "before_ns") + timeoutMs - CLOCKS_MS);
	if (earlier !== null)
		expect(earlier).toBeLessThanOrEqual(msOf(last, "after_ns") + timeoutMs + CLOCKS_MS);
}

describe("UDPConnExpiryTimeout: sockets stay open, and are idle", () => {
	const cases: [
		name: string,
		timeoutMs: { server: number; client: number },
		answers: boolean,
		acknowledges: boolean,
	][] = [
		["only one side spoke", { server: TIMEOUT_MS, client: TIMEOUT_MS }, false, false],
		["both did", { server: STREAM_TIMEOUT_MS, client: STREAM_TIMEOUT_MS }, true, true],
		[
			"the answer is not received",
			{ server: STREAM_TIMEOUT_MS, client: TIMEOUT_MS },
			...([true, false] as const),
		],
	];
	for (const [name, timeoutMs, answers, acknowledges] of cases)
		udpTest(name, async () => {
			await using server = new DatagramProcess("us");
			await using client = new DatagramProcess("uc");
			await meet(server, client);
			await using conntracer = await Conntracer.start(
				...["--transport", "udp", "-i", "50ms", ...TIMEOUTS],
			);
			let ofClient = await client.do("send 0 3 100 send");
			let ofServer = await server.do(`receive 0 3 ${BYTES} recvfrom`);
			if (answers)
				ofServer = await server.do(`send 0 1 50 sendto 127.0.0.1 ${ofClient.local_port}`);
			if (acknowledges) ofClient = await client.do(`receive 0 1 ${BYTES} recv`);
			await conntracer.untilClosed(2, processIs(server.name, client.name));
			const { records } = conntracer;
			const [servers, clients] = [server, client].map((each) =>
				flowsOf(records, processIs(each.name)),
			);
			expectClosedAfter(servers ?? [], timeoutMs.server, ofServer);
			expectClosedAfter(clients ?? [], timeoutMs.client, ofClient);
			await server.end();
			await client.end();
			const run = await conntracer.stop();
			const all = addUp(flowsOf(run.records, processIs(server.name, client.name)));
			expect(all).toMatchObject({ connections_opened: 2, connections_closed: 2 });
			expectNoUdpLost(run);
		});

	udpTest("who speaks again is opened again", async () => {
		await using server = new DatagramProcess("us");
		await using client = new DatagramProcess("uc");
		await meet(server, client);
		const ours = processIs(server.name, client.name);
		await using conntracer = await Conntracer.start(
			...["--transport", "udp", "-i", "50ms", ...TIMEOUTS],
		);
		for (const round of [1, 2, 3]) {
			await client.do("send 0 2 100 send");
			await server.do(`receive 0 2 ${BYTES} recvfrom`);
			await conntracer.untilClosed(2 * round, ours);
		}
		await client.do("send 0 1 100 send");
		const truths = [await client.end(), await server.end()];
		const run = await conntracer.stop();
		const clients = addUp(flowsOf(run.records, processIs(client.name)));
		const servers = addUp(flowsOf(run.records, processIs(server.name)));
		expect(clients).toMatchObject({ connections_opened: 4, connections_closed: 4 });
		expect(servers).toMatchObject({ connections_opened: 3, connections_closed: 3 });
		expect([clients.bytes_sent, servers.bytes_received]).toEqual([
			truths[0]?.bytes_sent,
			truths[1]?.bytes_received,
		] as number[]);
		expectNoUdpLost(run);
	});
});

udpTest("the scans for idle ones close nothing that speaks all the time", async () => {
	await using server = new DatagramProcess("us");
	await using client = new DatagramProcess("uc");
	await meet(server, client);
	await server.do("set 0 receive-buffer 30000000");
	await using conntracer = await Conntracer.start("--transport", "udp", "-i", "10ms");
	const draining = server.do(`drain 0 ${BYTES} recvfrom`);
	await client.do("parallel 2 shared send 0 100000 10 send");
	const [, , truth] = await Promise.all([draining, server.truth(), client.truth()]);
	await server.end();
	await client.end();
	const run = await conntracer.stop();
	expect(addUp(flowsOf(run.records, processIs(client.name)))).toMatchObject({
		connections_opened: 1,
		connections_closed: 1,
		bytes_sent: truth.bytes_sent,
	});
	expect(addUp(flowsOf(run.records, processIs(server.name)))).toMatchObject({
		connections_opened: 1,
		connections_closed: 1,
	});
	expectNoUdpLost(run);
});
