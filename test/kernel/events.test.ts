import { expect } from "bun:test";
import { Conntracer, eventsOf, runShell } from "../support/conntracer.ts";
import { expectNothingLost } from "../support/expectations.ts";
import { manyOf } from "../support/load.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic, totals } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("evk");
const COUNT = manyOf(4000);

kernelTest(`the binary shows each connection: ${COUNT} of 777 bytes each way`, async () => {
	await using conntracer = await Conntracer.run("events", "--process", CLIENT, "--process", SERVER);
	const size = ["--request", "777", "--response", "777"];
	const truth = await runTraffic(["churn", "--count", `${COUNT}`, ...size, ...NAMES]);
	await conntracer.until(`${4 * COUNT} events`, (records) => eventsOf(records).length >= 4 * COUNT);
	const run = await conntracer.stop();
	const events = eventsOf(run.records);
	expect(events).toHaveLength(4 * COUNT);
	expect(new Set(events.map(({ id }) => id)).size).toBe(2 * COUNT);
	for (const [process, truths] of [
		[CLIENT, truth.clients],
		[SERVER, truth.servers],
	] as const) {
		const ours = events.filter((event) => event.process === process);
		const closes = ours.filter(({ event }) => event === "close");
		const bytes = closes.reduce((sum, event) => sum + (event.bytes_sent ?? 0), 0);
		expect(bytes).toBe(totals(truths).bytes_sent);
		expect(new Set(ours.map(({ pid }) => pid))).toEqual(new Set(truths.map(({ pid }) => pid)));
		expect(new Set(ours.map(({ executable }) => executable)).size).toBe(1);
		expect(ours[0]?.executable).toContain("traffic");
		expect(ours[0]?.command_line).toContain(`--count ${COUNT}`);
	}
	const times = events.map(({ time }) => time);
	expect(times).toEqual(times.toSorted());
	expectNothingLost(run);
});

kernelTest("-n 3 ends after three events, and a closed pipe with exit 0", async () => {
	await using conntracer = await Conntracer.run("events", "-n", "3");
	await runTraffic(["churn", "--count", "20", ...NAMES]);
	const { records, exitCode } = await conntracer.end();
	const types = records.map(({ type }) => type);
	expect(types).toEqual(["ready", "event", "event", "event", "summary"]);
	expect(exitCode).toBe(0);
	const piped = runShell('{ "$CONNTRACER" events --json; echo $? >&2; } | head -1');
	expect(piped.stderr.trimEnd()).toBe("0");
});
