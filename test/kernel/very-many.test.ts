/** More open connections than are looked at each time. */

import { expect } from "bun:test";
import { addUp, Conntracer, flowsOf } from "../support/conntracer.ts";
import { expectNothingLost, expectSide, processIs, sideOf } from "../support/expectations.ts";
import { hostTest } from "../support/root.ts";
import { ownPrograms, Traffic, totals } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("many");
/** Each has two ends; with more than 16,384 ends idle ones are looked at by turns. */
const COUNT = 8500;
const IDLE_LOOKS = 8;
const INTERVAL = "100ms";

hostTest(
	`${COUNT} connections that were idle move: nothing is missing, if it may be late`,
	async () => {
		await using conntracer = await Conntracer.startTcp("-i", INTERVAL);
		const sizes = ["--request", "700", "--response", "900", "--ports", "16"];
		await using traffic = new Traffic(["hold", "--count", `${COUNT}`, ...sizes, ...NAMES]);
		await traffic.held();
		for (let step = 0; step < 3; step++) {
			const batches = new Set(flowsOf(conntracer.records).map(({ time }) => time)).size;
			await conntracer.until("idle connections", (records) => {
				const now = new Set(flowsOf(records).map(({ time }) => time)).size;
				return now >= batches + 2 * IDLE_LOOKS;
			});
			const { clients } = await traffic.step();
			const { bytes_sent, bytes_received } = totals(clients);
			await conntracer.until(`${bytes_sent} bytes sent, ${bytes_received} received`, (records) => {
				const sum = addUp(flowsOf(records, processIs(CLIENT)));
				return sum.bytes_sent === bytes_sent && sum.bytes_received === bytes_received;
			});
		}
		const truth = await traffic.finish();
		await conntracer.untilClosed(2 * COUNT, processIs(CLIENT, SERVER));
		const run = await conntracer.stop();
		expectSide(sideOf(run, CLIENT, "active"), truth.clients);
		expectSide(sideOf(run, SERVER, "passive"), truth.servers);
		expectNothingLost(run);
		expect(totals(truth.clients).opened).toBe(COUNT);
	},
);
