/** Packets that interrupt whatever runs: hooks run within hooks, and the kernel skips some of the runs. */

import { describe } from "bun:test";
import { Conntracer } from "../support/conntracer.ts";
import { expectNothingLost, expectSide, processIs, sideOf } from "../support/expectations.ts";
import { manyOf } from "../support/load.ts";
import { NamespacePair } from "../support/namespaces.ts";
import { guestTest } from "../support/root.ts";
import { ownPrograms, runTraffic } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("intr");
const COUNT = manyOf(20_000);

describe(`${COUNT} connections whose packets interrupt the other CPU, each and each byte`, () => {
	const cases: [how: string, args: string[]][] = [
		["the client closes first", []],
		["the server closes first", ["--server-closes"]],
		["the client resets", ["--rst"]],
		["the client closes its side only, and reads on", ["--half-close"]],
	];
	for (const [how, args] of cases)
		guestTest(how, "its kernel may hide what interrupts process 1", async () => {
			using namespaces = new NamespacePair();
			namespaces.interruptForPackets();
			await using conntracer = await Conntracer.startTcp();
			const churn = ["churn", "--count", `${COUNT}`, "--clients", "2", "--threads", "4", ...args];
			const truth = await runTraffic([...churn, ...NAMES], namespaces.left.prefix);
			await conntracer.untilClosed(2 * COUNT, processIs(CLIENT, SERVER));
			const run = await conntracer.stop();
			expectSide(sideOf(run, CLIENT, "active"), truth.clients);
			expectSide(sideOf(run, SERVER, "passive"), truth.servers);
			expectNothingLost(run);
		});
});
