/** The truth of the generator against the kernel's own counters, where nobody else connects. */

import { expect } from "bun:test";
import { NamespacePair, type NetworkNamespace } from "./namespaces.ts";
import { kernelTest } from "./root.ts";
import { runTraffic, Traffic, totals } from "./traffic.ts";

const NAMES = ["ActiveOpens", "PassiveOpens", "AttemptFails", "EstabResets"] as const;

function kernelCounts({ prefix }: NetworkNamespace): number[] {
	const { stdout } = Bun.spawnSync([...prefix, "cat", "/proc/net/snmp"]);
	const [names = [], values = []] = stdout
		.toString()
		.split("\n")
		.filter((line) => line.startsWith("Tcp:"))
		.map((line) => line.split(" "));
	return NAMES.map((name) => Number(values[names.indexOf(name)]));
}

const CASES: [args: string[], kernel: number[]][] = [
	[
		["churn", "--count", "500"],
		[500, 500, 0, 0],
	],
	[
		["churn", "--count", "500", "--server-closes", "--threads", "3"],
		[500, 500, 0, 0],
	],
	[
		["churn", "--count", "500", "--half-close", "--clients", "3"],
		[500, 500, 0, 0],
	],
	[
		["churn", "--count", "500", "--rst"],
		[500, 500, 0, 1000],
	],
	[
		["churn", "--count", "500", "--rst-unread"],
		[500, 500, 0, 1000],
	],
	[
		["churn", "--count", "500", "--disconnect"],
		[500, 500, 0, 1000],
	],
	[
		["churn", "--count", "500", "--listen", "::1", "--connect", "::1"],
		[500, 500, 0, 0],
	],
	[
		["hold", "--count", "500"],
		[500, 500, 0, 0],
	],
	[
		["refused", "--count", "500"],
		[500, 0, 500, 0],
	],
];

for (const [args, counts] of CASES)
	kernelTest(`traffic ${args.join(" ")}: the kernel has counted ${counts}`, async () => {
		using pair = new NamespacePair();
		const truth = await runTraffic(args, pair.left.prefix);
		expect(kernelCounts(pair.left)).toEqual(counts);
		const [opens = 0, accepts = 0, fails = 0] = counts;
		expect(totals(truth.clients).opened).toBe(opens - fails);
		expect(totals(truth.servers).opened).toBe(accepts);
	});

kernelTest("to the kernel, what its program gives up is no failed attempt", async () => {
	using pair = new NamespacePair();
	await runTraffic(["abandoned", "--count", "50"], pair.left.prefix);
	expect(kernelCounts(pair.left)).toEqual([51, 1, 0, 1]);
	await runTraffic(["abandoned", "--count", "50", "--user-timeout", "200"], pair.left.prefix);
	expect(kernelCounts(pair.left)).toEqual([102, 2, 50, 2]);
});

kernelTest("what one side sends, the other receives", async () => {
	const args = ["churn", "--count", "50", "--request", "1000", "--response", "70000"];
	const { clients, servers } = await runTraffic(args);
	expect(totals(clients)).toEqual({ opened: 50, bytes_sent: 50_000, bytes_received: 3_500_000 });
	expect(totals(servers)).toEqual({ opened: 50, bytes_sent: 3_500_000, bytes_received: 50_000 });
});

kernelTest("a reset leaves unread what the truth does not claim", async () => {
	const { clients, servers } = await runTraffic(["churn", "--rst-unread", "--request", "1000"]);
	expect(totals(clients).bytes_sent).toBe(1000);
	expect(totals(servers).bytes_received).toBe(500);
});

kernelTest("client and server meet over the cable", async () => {
	using pair = new NamespacePair();
	const serve = ["serve", "--listen", "::", "--port", "7000", "--count", "20"];
	await using server = new Traffic(serve, pair.right.prefix);
	await server.ready();
	for (const address of [pair.right.ipv4, pair.right.ipv6]) {
		const client = ["client", "--connect", address, "--port", "7000", "--count", "10"];
		await runTraffic(client, pair.left.prefix);
	}
	expect(totals((await server.finish()).servers).opened).toBe(20);
});
