import { describe, expect } from "bun:test";
import { Conntracer, summaryOf } from "../support/conntracer.ts";
import { expectNothingLost, expectSide, processIs, sideOf } from "../support/expectations.ts";
import { manyOf } from "../support/load.ts";
import { NamespacePair, pairWithNumberOf } from "../support/namespaces.ts";
import { cookieTest } from "../support/netns-cookie.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic, Traffic } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("churn");
const ours = processIs(CLIENT, SERVER);
const IPV6 = ["--listen", "::1", "--connect", "::1"];
const MAPPED = ["--listen", "::", "--connect", "::ffff:127.0.0.1"];

/** Every connection is told apart from its peer by process and direction. */
async function churn(count: number, args: readonly string[]) {
	await using conntracer = await Conntracer.startTcp();
	const truth = await runTraffic(["churn", "--count", `${count}`, ...NAMES, ...args]);
	await conntracer.untilClosed(2 * count, ours);
	const run = await conntracer.stop();
	const active = sideOf(run, CLIENT, "active");
	const passive = sideOf(run, SERVER, "passive");
	expectSide(active, truth.clients);
	expectSide(passive, truth.servers);
	expectNothingLost(run);
	const { seen } = summaryOf(run.records);
	expect(seen.active_opens).toBeGreaterThanOrEqual(count);
	expect(seen.passive_opens).toBeGreaterThanOrEqual(count);
	return { active, passive, all: [...active, ...passive] };
}

describe("every connection and byte is counted", () => {
	const cases: [name: string, count: number, args: string[]][] = [
		["the client closes first", 20_000, []],
		["the client resets", 20_000, ["--rst"]],
		["IPv6", 20_000, IPV6],
		["the server closes first", 5_000, ["--server-closes"]],
		["the client closes its side only, and reads on", 5_000, ["--half-close"]],
		["the server resets with half of the request unread", 5_000, ["--rst-unread"]],
		["IPv6, the client resets", 5_000, [...IPV6, "--rst"]],
		["answers larger than a socket buffer", 200, ["--response", "5000000", "--half-close"]],
		["no payload at all", 2_000, ["--request", "0", "--response", "0", "--server-closes"]],
		["one socket for all connections", 2_000, ["--disconnect"]],
		["several processes and threads", 5_000, ["--clients", "2", "--threads", "3"]],
		[
			"several ports and addresses",
			5_000,
			["--listen", "0.0.0.0", "--spread", "5", "--ports", "3"],
		],
	];
	for (const [name, count, args] of cases)
		kernelTest(`${manyOf(count)} connections: ${name}`, async () => {
			await churn(manyOf(count), args);
		});
});

kernelTest("IPv4-mapped addresses are shown as IPv4", async () => {
	const { all } = await churn(manyOf(5_000), MAPPED);
	for (const flow of all) {
		expect(flow.family).toBe("ipv4");
		expect([flow.local_address, flow.remote_address]).toEqual(["127.0.0.1", "127.0.0.1"]);
	}
});

kernelTest("a name given to a thread is not taken for the process", async () => {
	const { all } = await churn(100, ["--threads", "4"]);
	expect(new Set(all.map((flow) => flow.process))).toEqual(new Set([CLIENT, SERVER]));
});

kernelTest("the proof holds while others make connections, before and after too", async () => {
	const noise = ["churn", "--count", "1000000", "--timeout", "600", "--rst", "--wait"];
	await using other = new Traffic([...noise, "--client-name", "noise", "--server-name", "noise"]);
	await other.ready();
	other.go();
	await churn(manyOf(20_000), []);
});

describe("two network namespaces with a cable between them", () => {
	const COUNT = manyOf(20_000);
	for (const [family, any] of [
		["ipv4", "0.0.0.0"],
		["ipv6", "::"],
	] as const)
		kernelTest(`${COUNT} connections over ${family}`, async () => {
			using pair = new NamespacePair();
			const connections = async (count: number) => {
				const server = [
					"serve",
					"--listen",
					any,
					"--port",
					"7000",
					"--ports",
					"4",
					"--count",
					`${count}`,
				];
				await using serving = new Traffic([...server, ...NAMES], pair.right.prefix);
				await serving.ready();
				// Several ports: where TIME_WAIT may not be reused, connect() searches long for a free one.
				const client = [
					"client",
					"--connect",
					pair.right[family],
					"--port",
					"7000",
					"--ports",
					"4",
				];
				const args = [...client, "--count", `${count}`, ...NAMES];
				const { clients } = await runTraffic(args, pair.left.prefix);
				return { clients, servers: (await serving.finish()).servers };
			};
			await connections(10); // the kernel's counters do not begin at 0
			await using conntracer = await Conntracer.startTcp();
			const truth = await connections(COUNT);
			await conntracer.untilClosed(2 * COUNT, ours);
			const run = await conntracer.stop();
			const active = sideOf(run, CLIENT, "active");
			expectSide(active, truth.clients);
			expectSide(sideOf(run, SERVER, "passive"), truth.servers);
			expectNothingLost(run);
			expect(summaryOf(run.records).seen.active_opens).toBeGreaterThanOrEqual(COUNT);
			expect(new Set(active.map((flow) => flow.remote_address))).toEqual(
				new Set([pair.right[family]]),
			);
		});
});

kernelTest("what a namespace that is gone had seen is counted, as unverified", async () => {
	await using conntracer = await Conntracer.startTcp();
	{
		using pair = new NamespacePair();
		await runTraffic(["churn", "--count", "100", ...NAMES], pair.left.prefix);
		await conntracer.untilClosed(200, ours);
	}
	const run = await conntracer.stop();
	const { seen, kernel, unverified } = summaryOf(run.records);
	expect(seen).toEqual(kernel);
	expect([unverified.active_opens, unverified.passive_opens]).toEqual([100, 100]);
});

cookieTest("a namespace with the number of one that is gone is not taken for it", async () => {
	await using conntracer = await Conntracer.startTcp();
	const gone: number[] = [];
	for (const { count, create } of [
		{ count: 300, create: () => new NamespacePair() },
		{ count: 200, create: () => pairWithNumberOf(gone) },
	]) {
		using pair = create();
		gone.push(...pair.numbers());
		for (const { prefix } of [pair.left, pair.right])
			await runTraffic(["churn", "--count", `${count}`, ...NAMES], prefix);
	}
	using _ = pairWithNumberOf(gone);
	const run = await conntracer.stop();
	const { seen, kernel, unverified } = summaryOf(run.records);
	expect(seen).toEqual(kernel);
	expect(unverified.active_opens).toBe(1000);
});
