import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { uptime } from "node:os";
import { Conntracer, conntracerBinary, eventsOf } from "../support/conntracer.ts";
import { kernelTest, lacks } from "../support/root.ts";
import { ownPrograms, runTraffic } from "../support/traffic.ts";

const { client: CLIENT, names: NAMES } = ownPrograms("tns");
const YEAR_S = 365 * 24 * 3600;

if (!lacks("time namespaces", existsSync("/proc/self/ns/time"), "5.6"))
	for (const [what, seconds] of [
		["ten years ahead", 10 * YEAR_S],
		["behind", -Math.floor(uptime() / 2)],
	] as const)
		kernelTest(
			`in a time namespace whose clock is ${what}, times and order are right`,
			async () => {
				const inside = [
					"unshare",
					"--time",
					"--monotonic",
					`${seconds}`,
					"--boottime",
					`${seconds}`,
				];
				const program = [...inside, "--fork", "--kill-child=SIGINT", conntracerBinary()];
				await using conntracer = await Conntracer.runAs(program, "events", "--duration", "60s");
				const from = Date.now();
				await runTraffic(["churn", "--count", "20", ...NAMES]);
				await conntracer.until("its ends", (records) => {
					const isEnd = eventsOf(records, ({ event }) => event === "close");
					return isEnd.filter(({ process }) => process === CLIENT).length === 20;
				});
				const to = Date.now() + 1;
				const ours = eventsOf(conntracer.records, ({ process }) => process === CLIENT);
				const times = ours.flatMap(({ time, opened }) => [time, opened ?? ""]).map(Date.parse);
				expect(times.filter((time) => !(time >= from && time <= to))).toEqual([]);
				for (const { duration_ms } of ours) expect(duration_ms ?? 0).toBeWithin(0, to - from);
			},
		);
