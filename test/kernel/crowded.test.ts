/** More threads than CPUs: where the kernel preempts a task in our programs, others meet them busy. */

import { expect } from "bun:test";
import { Conntracer, gapsOf } from "../support/conntracer.ts";
import { expectNothingLost, expectSide, processIs, sideOf } from "../support/expectations.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("crowd");
const PROGRAMS = 2;
const COUNT = 6000;

kernelTest(
	`${PROGRAMS * COUNT} connections of ${4 * 4 * PROGRAMS} threads, each and each byte`,
	async () => {
		await using conntracer = await Conntracer.startTcp();
		const churn = ["churn", "--count", `${COUNT}`, "--clients", "4", "--threads", "4", ...NAMES];
		const truths = await Promise.all(Array.from({ length: PROGRAMS }, () => runTraffic(churn)));
		await conntracer.untilClosed(2 * PROGRAMS * COUNT, processIs(CLIENT, SERVER));
		const run = await conntracer.stop();
		expect(truths.length).toBe(PROGRAMS);
		expectSide(
			sideOf(run, CLIENT, "active"),
			truths.flatMap(({ clients }) => clients),
		);
		expectSide(
			sideOf(run, SERVER, "passive"),
			truths.flatMap(({ servers }) => servers),
		);
		// A kprobe that preempts another one is skipped: such a connection is taken for its listener's.
		const isSkipped = conntracer.ready.hooks["accept"] === "kprobe";
		if (isSkipped)
			expect(gapsOf(run.records).filter(({ stage }) => stage !== "program")).toEqual([]);
		else expectNothingLost(run);
	},
);
