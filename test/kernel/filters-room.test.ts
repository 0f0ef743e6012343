/** Filters in the kernel: what nobody asked for takes no room. */

import { describe, expect } from "bun:test";
import { addUp, Conntracer, gapsOf, summaryOf } from "../support/conntracer.ts";
import { expectNothingLost, sideOf } from "../support/expectations.ts";
import { someOf } from "../support/load.ts";
import { kernelTest } from "../support/root.ts";
import {
	CLIENT,
	COMMANDS,
	COUNT,
	directionOf,
	expectEvents,
	expectOnly,
	FILTERS,
	NOISE,
	Scene,
	untilEnded,
	WANTED,
} from "../support/scene.ts";
import { runTraffic, totals } from "../support/traffic.ts";

/** Those that the kernel can tell without knowing who will accept. */
const CERTAIN = [
	"-p of both",
	"--uid and --direction",
	"--cgroup and --direction",
	"--netns",
	"--local-port",
	"--remote-port",
	"--port",
	"--port, ranges with an exclusion",
	"--port !",
	"-6",
];
const CASES = someOf(
	FILTERS.filter(([name]) => CERTAIN.includes(name)),
	2,
);

for (const [command, expectExactly] of COMMANDS)
	describe(`${command[0]}: 500 others, both ends, take no room in a table for 64`, () => {
		for (const [name, args, sides] of CASES)
			kernelTest(name, async () => {
				await using scene = new Scene("hold", 500, name);
				const known = await scene.ready();
				const small = ["--max-connections", "64", ...known.here, ...args(known)];
				await using conntracer = await Conntracer.run(...command, ...small);
				scene.noise.go();
				await scene.noise.held();
				scene.wanted.go();
				await scene.wanted.held();
				await scene.wanted.step();
				const { wanted, noise } = await scene.finish();
				expect(totals(noise.servers).opened).toBe(500);
				await untilEnded(conntracer, sides);
				const run = await conntracer.stop();
				expectOnly(run, sides);
				expectExactly(run, sides, wanted);
				expectNothingLost(run);
			});
	});

kernelTest("500 attempts of others that stay in SYN_SENT take no room", async () => {
	await using scene = new Scene("churn", 1, "-p of the client");
	const { client } = await scene.ready();
	const small = ["--max-connections", "64", "-p", `${client}`];
	await using conntracer = await Conntracer.run("events", ...small);
	const abandoned = await runTraffic(["abandoned", "--count", "500", ...NOISE.names]);
	expect(abandoned.clients[0]?.abandoned).toBe(500);
	scene.noise.go();
	scene.wanted.go();
	const { wanted } = await scene.finish();
	await untilEnded(conntracer, CLIENT);
	const run = await conntracer.stop();
	expectOnly(run, CLIENT);
	expectEvents(run, CLIENT, wanted);
	expectNothingLost(run);
});

describe("from before the start", () => {
	for (const [name, args, sides] of CASES)
		kernelTest(`1,000 others take no room: ${name}`, async () => {
			await using scene = new Scene("hold", 500, name);
			const known = await scene.ready();
			scene.noise.go();
			scene.wanted.go();
			await scene.noise.held();
			await scene.wanted.held();
			const small = ["--max-connections", "64", ...known.here, ...args(known)];
			await using conntracer = await Conntracer.run("watch", "-i", "250ms", ...small);
			expect(conntracer.ready.open_connections).toBe(sides.length * COUNT);
			await scene.wanted.step();
			await scene.finish();
			await untilEnded(conntracer, sides);
			const run = await conntracer.stop();
			expectOnly(run, sides);
			for (const side of sides) {
				const sum = addUp(sideOf(run, WANTED[side], directionOf(side)));
				const [sent, received] = side === "client" ? [777, 1234] : [1234, 777];
				expect(sum).toMatchObject({ connections_opened: 0, connections_closed: COUNT });
				expect([sum.bytes_sent, sum.bytes_received]).toEqual([COUNT * sent, COUNT * received]);
			}
			expectNothingLost(run);
		});

	kernelTest("what finds no room and was asked for is counted", async () => {
		await using scene = new Scene("hold", 1, "-p of both");
		const { client, server } = await scene.ready();
		scene.noise.go();
		scene.wanted.go();
		await scene.wanted.held();
		const small = ["--max-connections", "30", "-p", `${client},${server}`];
		await using conntracer = await Conntracer.startTcp(...small);
		expect(conntracer.ready.open_connections).toBe(30);
		const { records } = await conntracer.stop();
		const lost = gapsOf(records).filter(({ stage }) => stage === "connection_table");
		expect(lost.reduce((sum, { count }) => sum + count, 0)).toBe(2 * COUNT - 30);
		expect(summaryOf(records).lost.connection_table).toBe(2 * COUNT - 30);
	});
});
