/** The rarer ways in which TCP connections begin, move bytes, and end. */

import { expect } from "bun:test";
import { addUp, Conntracer, type Run } from "../support/conntracer.ts";
import {
	expectNothingLost,
	expectNothingLostButRuns,
	expectSide,
	processIs,
	sideOf,
} from "../support/expectations.ts";
import { IN_GUEST } from "../support/guest.ts";
import { NamespacePair, tcpCounter } from "../support/namespaces.ts";
import { hostTest, kernelTest } from "../support/root.ts";
import { TIME_FACTOR } from "../support/time-factor.ts";
import { type Outcome, ownPrograms, runTraffic, Traffic, totals } from "../support/traffic.ts";
import { until } from "../support/until.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("edge");
const ours = processIs(CLIENT, SERVER);

function expectBothSides(run: Run, truth: Outcome): void {
	expectSide(sideOf(run, CLIENT, "active"), truth.clients);
	expectSide(sideOf(run, SERVER, "passive"), truth.servers);
	expectNothingLost(run);
}

const SETTINGS: [name: string, sysctl: string, value: string, args: string[]][] = [
	["SYN cookies", "net.ipv4.tcp_syncookies", "2", []],
	["the request in the SYN (fast open)", "net.ipv4.tcp_fastopen", "3", ["--fastopen"]],
	["no timestamps", "net.ipv4.tcp_timestamps", "0", []],
	["no window scaling", "net.ipv4.tcp_window_scaling", "0", ["--response", "1000000"]],
];

for (const [name, sysctl, value, args] of SETTINGS)
	kernelTest(`connections are counted exactly with ${name}`, async () => {
		using pair = new NamespacePair();
		pair.set(sysctl, value);
		await using conntracer = await Conntracer.startTcp();
		const truth = await runTraffic(
			["churn", "--count", "500", ...args, ...NAMES],
			pair.left.prefix,
		);
		await conntracer.untilClosed(1000, ours);
		const run = await conntracer.stop();
		expectSide(sideOf(run, CLIENT, "active"), truth.clients);
		expectSide(sideOf(run, SERVER, "passive"), truth.servers);
		expectNothingLostButRuns(run);
	});

kernelTest(
	"bytes are counted exactly, and retransmissions at all, over a lossy cable",
	async () => {
		using pair = new NamespacePair();
		pair.limit(`${50 / TIME_FACTOR}mbit`, "16kb", "20kb"); // slower than the machine
		await using conntracer = await Conntracer.startTcp();
		const common = ["--port", "7000", "--request", "500000", "--count", "20", ...NAMES];
		const serve = ["serve", "--listen", "0.0.0.0", ...common];
		await using server = new Traffic(serve, pair.right.prefix);
		await server.ready();
		const client = ["client", "--connect", pair.right.ipv4, ...common];
		const { clients } = await runTraffic(client, pair.left.prefix);
		const { servers } = await server.finish();
		await conntracer.untilClosed(40, ours);
		const run = await conntracer.stop();
		expectBothSides(run, { clients, servers });
		const active = sideOf(run, CLIENT, "active");
		const retransmitted = active.reduce((sum, flow) => sum + flow.segments_retransmitted, 0);
		const counted = tcpCounter(pair.left, "RetransSegs");
		if (!IN_GUEST) expect(counted).toBeGreaterThan(0);
		expect(retransmitted).toBe(counted);
	},
);

kernelTest("a socket that connects to itself is one active connection", async () => {
	using pair = new NamespacePair();
	await using conntracer = await Conntracer.startTcp();
	const ports = ["--port", "34567", "--local-port", "34567"];
	const truth = await runTraffic(
		["client", ...ports, "--request", "500", "--response", "500", ...NAMES],
		pair.left.prefix,
	);
	await conntracer.untilClosed(1, ours);
	const run = await conntracer.stop();
	expectSide(sideOf(run, CLIENT, "active"), truth.clients);
	expectNothingLost(run);
});

hostTest("5 GB on one connection are not cut to 32 bits", async () => {
	await using conntracer = await Conntracer.startTcp("-i", "1m");
	const args = ["hold", "--request", "1000000000", "--steps", "5", ...NAMES];
	const truth = await runTraffic(args);
	expect(totals(truth.clients).bytes_sent).toBe(5_000_000_000);
	expectBothSides(await conntracer.stop(), truth);
});

/** Waits until this many sockets with the local port are in the state. */
async function untilState(port: number, state: string, count: number): Promise<void> {
	const soFar = (): number => {
		const ss = Bun.spawnSync(["ss", "-Htn", "state", state, `sport = :${port}`]);
		return ss.stdout.toString().split("\n").length - 1;
	};
	await until(`${count} sockets in ${state}`, () => soFar() === count, { soFar });
}

kernelTest("what had arrived before the start and is read after it, is counted", async () => {
	const bytes = ["--request", "1000", "--response", "3000", "--half-close"];
	await using traffic = new Traffic(["hold", "--count", "10", "--wait", ...bytes, ...NAMES]);
	const { ports, pids } = await traffic.ready();
	traffic.go();
	await traffic.held();
	const [port = 0] = ports;
	const [server = 0] = pids;
	process.kill(server, "SIGSTOP");
	const stepping = traffic.step();
	await untilState(port, "close-wait", 10);
	await using conntracer = await Conntracer.startTcp();
	process.kill(server, "SIGCONT");
	await stepping;
	await traffic.finish();
	await conntracer.untilClosed(20, ours);
	const run = await conntracer.stop();
	const ended = { connections_opened: 0, connections_failed: 0, connections_closed: 10 };
	expect(addUp(sideOf(run, CLIENT, "active"))).toEqual({
		...ended,
		bytes_sent: 0,
		bytes_received: 30_000,
	});
	expect(addUp(sideOf(run, SERVER, "passive"))).toEqual({
		...ended,
		bytes_sent: 30_000,
		bytes_received: 10_000,
	});
	expectNothingLost(run);
});

kernelTest("a connection that waits to be accepted at the start is counted", async () => {
	await using traffic = new Traffic(["churn", "--wait", ...NAMES]);
	const { ports, pids } = await traffic.ready();
	const [port = 0] = ports;
	const [server = 0] = pids;
	process.kill(server, "SIGSTOP");
	traffic.go();
	await untilState(port, "established", 1);
	await using conntracer = await Conntracer.startTcp();
	process.kill(server, "SIGCONT");
	await traffic.finish();
	await conntracer.untilClosed(2, ours);
	const run = await conntracer.stop();
	expect(addUp(sideOf(run, SERVER, "passive"))).toMatchObject({
		connections_closed: 1,
		bytes_sent: 200,
		bytes_received: 100,
	});
	expectNothingLost(run);
});

kernelTest("a connection that is never accepted is opened and closed", async () => {
	await using conntracer = await Conntracer.startTcp();
	await runTraffic(["abandoned", "--count", "1", "--user-timeout", "100", ...NAMES]);
	await conntracer.untilClosed(3, ours);
	const run = await conntracer.stop();
	expect(addUp(sideOf(run, CLIENT, "passive"))).toMatchObject({
		connections_opened: 1,
		connections_closed: 1,
	});
	expectNothingLost(run);
});

hostTest("flows that come and go by the thousand find room again", async () => {
	await using conntracer = await Conntracer.startTcp(
		...["--aggregate", "connection", "--max-flows", "8000"],
	);
	const truths: Outcome[] = [];
	for (let round = 0; round < 6; round++) {
		truths.push(await runTraffic(["churn", "--count", "2000", ...NAMES]));
		await conntracer.untilClosed(4000 * (round + 1), ours);
		const seen = conntracer.records.length; // two intervals more, so that the idle slots are free
		await runTraffic(["churn", "--client-name", "other", "--server-name", "other"]);
		await conntracer.until("another interval", (records) => records.length > seen);
		const then = conntracer.records.length;
		await runTraffic(["churn", "--client-name", "other", "--server-name", "other"]);
		await conntracer.until("another interval", (records) => records.length > then);
	}
	const run = await conntracer.stop();
	const sum = addUp([...sideOf(run, CLIENT, "active"), ...sideOf(run, SERVER, "passive")]);
	expect(sum).toEqual({
		connections_opened: 24_000,
		connections_failed: 0,
		connections_closed: 24_000,
		bytes_sent: 12_000 * 300,
		bytes_received: 12_000 * 300,
	});
	expectNothingLost(run);
});
