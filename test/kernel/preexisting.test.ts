import { expect } from "bun:test";
import { addUp, Conntracer, flowsOf } from "../support/conntracer.ts";
import { expectNothingLost, expectSide, processIs, sideOf } from "../support/expectations.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, Traffic } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("pre");
const ours = processIs(CLIENT, SERVER);

for (const address of ["127.0.0.1", "::1"])
	kernelTest(`connections from before the start, to ${address}, are followed`, async () => {
		const count = 50;
		const bytes = ["--request", "1000", "--response", "3000"];
		const args = ["hold", "--count", `${count}`, "--listen", address, "--connect", address];
		await using traffic = new Traffic([...args, ...bytes, ...NAMES]);
		await traffic.held();
		await traffic.step(); // before the start: not ours to count
		await using conntracer = await Conntracer.startTcp();
		expect(conntracer.ready.open_connections).toBeGreaterThanOrEqual(2 * count);
		const { clients, servers } = await traffic.step();
		await conntracer.until("the bytes of a step", (records) => {
			const sum = addUp(flowsOf(records, ours));
			return sum.bytes_sent >= count * 4000 && sum.bytes_received >= count * 4000;
		});
		const isOpen = flowsOf(conntracer.records, ours);
		const last = (name: string) => isOpen.findLast((flow) => flow.process === name);
		expect(last(CLIENT)).toMatchObject({
			direction: "active",
			connections_open: count,
			last_pid: clients[0]?.pid,
		});
		expect(last(SERVER)).toMatchObject({
			direction: "passive",
			connections_open: count,
			last_pid: servers[0]?.pid,
		});
		await traffic.finish();
		await conntracer.untilClosed(2 * count, ours);
		const run = await conntracer.stop();
		const ended = { connections_opened: 0, connections_failed: 0, connections_closed: count };
		expect(addUp(sideOf(run, CLIENT, "active"))).toEqual({
			...ended,
			bytes_sent: count * 1000,
			bytes_received: count * 3000,
		});
		expect(addUp(sideOf(run, SERVER, "passive"))).toEqual({
			...ended,
			bytes_sent: count * 3000,
			bytes_received: count * 1000,
		});
		expect(run.records.findLast((record) => record.type === "flow" && ours(record))).toMatchObject({
			connections_open: 0,
		});
		expectNothingLost(run);
	});

kernelTest("connections that never moved a byte know their direction", async () => {
	await using traffic = new Traffic(["hold", "--count", "20", ...NAMES]);
	await traffic.held();
	await using conntracer = await Conntracer.startTcp();
	await traffic.finish();
	await conntracer.untilClosed(40, ours);
	const run = await conntracer.stop();
	expect(addUp(sideOf(run, CLIENT, "active")).connections_closed).toBe(20);
	expect(addUp(sideOf(run, SERVER, "passive")).connections_closed).toBe(20);
});

kernelTest("a listener from before the start owns what it accepts", async () => {
	const args = ["churn", "--count", "500", "--threads", "3", "--ports", "2", "--wait"];
	await using traffic = new Traffic([...args, ...NAMES]);
	const { ports } = await traffic.ready();
	await using conntracer = await Conntracer.startTcp();
	traffic.go();
	const truth = await traffic.finish();
	await conntracer.untilClosed(1000, ours);
	const run = await conntracer.stop();
	const passive = sideOf(run, SERVER, "passive");
	expectSide(passive, truth.servers);
	expectSide(sideOf(run, CLIENT, "active"), truth.clients);
	expect(new Set(passive.map((flow) => flow.listen_port))).toEqual(new Set(ports));
	expectNothingLost(run);
});
