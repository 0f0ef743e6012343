import { expect } from "bun:test";
import { addUp, Conntracer, type Run } from "../support/conntracer.ts";
import { expectNothingLost, processIs, sideOf } from "../support/expectations.ts";
import { kernelTest } from "../support/root.ts";
import { type Outcome, ownPrograms, runTraffic, Traffic } from "../support/traffic.ts";

const { client: CLIENT, names: NAMES } = ownPrograms("ref");

async function failing(count: number, args: readonly string[]): Promise<[Run, Outcome]> {
	await using conntracer = await Conntracer.startTcp();
	const truth = await runTraffic([...args, ...NAMES]);
	await conntracer.untilClosed(count, processIs(CLIENT));
	return [await conntracer.stop(), truth];
}

for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
	kernelTest(`refused connections to ${address} are failed, and nothing else`, async () => {
		const args = ["refused", "--count", "500", "--connect", address];
		const [run, truth] = await failing(500, args);
		expect(truth.clients[0]?.failed).toEqual({ ECONNREFUSED: 500 });
		const active = sideOf(run, CLIENT, "active");
		expect(addUp(active)).toEqual({
			connections_opened: 0,
			connections_failed: 500,
			connections_closed: 0,
			bytes_sent: 0,
			bytes_received: 0,
		});
		expect(active.filter((flow) => flow.last_pid !== truth.clients[0]?.pid)).toEqual([]);
		expect(active[0]?.listen_port).toBeGreaterThan(0);
		expect(active.at(-1)?.connections_open).toBe(0);
		expectNothingLost(run);
	});

kernelTest("connections that time out are failed", async () => {
	const args = ["abandoned", "--count", "50", "--user-timeout", "200"];
	const [run, truth] = await failing(50, args);
	expect(truth.clients[0]?.failed).toEqual({ ETIMEDOUT: 50 });
	expect(addUp(sideOf(run, CLIENT, "active"))).toMatchObject({
		connections_opened: 1, // the one that fills the listener's queue
		connections_failed: 50,
	});
	expectNothingLost(run);
});

kernelTest("connections given up by their program are failed", async () => {
	const [run, truth] = await failing(50, ["abandoned", "--count", "50"]);
	expect(truth.clients[0]?.abandoned).toBe(50);
	expect(addUp(sideOf(run, CLIENT, "active"))).toMatchObject({
		connections_opened: 1,
		connections_failed: 50,
	});
	expectNothingLost(run); // the kernel does not count them in AttemptFails
});

kernelTest("connections that find no local port leave the proof intact", async () => {
	await using conntracer = await Conntracer.startTcp();
	const args = ["hold", "--count", "5", "--local-port", "31987", ...NAMES];
	await using traffic = new Traffic(args);
	await traffic.held();
	const truth = await traffic.finish();
	expect(truth.clients[0]).toMatchObject({ opened: 1, failed: { EADDRNOTAVAIL: 4 } });
	await conntracer.until("the end of the one", (records) =>
		records.some(
			(record) =>
				record.type === "flow" && record.process === CLIENT && record.connections_closed === 1,
		),
	);
	expectNothingLost(await conntracer.stop());
});
