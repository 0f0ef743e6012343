import { describe, expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { cProgram } from "../support/c-program.ts";
import { Conntracer, eventsOf, flowsOf } from "../support/conntracer.ts";
import { listed } from "../support/listing.ts";
import { Puppet } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";
import { V1Cgroup } from "../support/v1-cgroup.ts";

/** As Docker calls it. */
const newId = (): string => randomBytes(32).toString("hex");
const inDocker = (id: string): V1Cgroup => new V1Cgroup(`docker-${id}.scope`);

describe("a container whose cgroup is in a hierarchy of v1 only is known", () => {
	kernelTest("in list, to its filter, too", async () => {
		const id = newId();
		using cgroup = inDocker(id);
		await using server = Puppet.start();
		const [, port] = await server.listen();
		await using client = Puppet.start();
		cgroup.take(client.startedPid);
		await client.connect(port);
		const mine = { pid: client.startedPid, container_id: id };
		expect(listed("--remote-port", port)).toMatchObject([mine]);
		expect(listed("--container", id)).toMatchObject([mine]);
		expect(listed("--listening", "--local-port", port)[0]).toMatchObject({ container_id: null });
	});

	kernelTest("in events, of a process that is gone at once", async () => {
		const id = newId();
		using cgroup = inDocker(id);
		await using server = Puppet.start();
		const [, port] = await server.listen();
		await using run = await Conntracer.run("events", "--remote-port", String(port));
		const script = `echo 0 > ${cgroup.procs}; exec ${cProgram("brief")} connect 127.0.0.1 ${port}`;
		expect(Bun.spawnSync(["sh", "-c", script]).success).toBe(true);
		await run.until("an event", (records) => eventsOf(records).length > 0);
		for (const event of eventsOf(run.records)) expect(event.container_id).toBe(id);
	});

	kernelTest("in flows, which are not one with those of another container", async () => {
		const ids = [newId(), newId()];
		using one = inDocker(ids[0] ?? "");
		using two = inDocker(ids[1] ?? "");
		await using server = Puppet.start();
		const [, port] = await server.listen();
		await using first = Puppet.start();
		await using second = Puppet.start();
		one.take(first.startedPid);
		two.take(second.startedPid);
		await using run = await Conntracer.startTcp("--remote-port", String(port));
		for (const client of [first, second]) await client.connect(port);
		const containers = () => new Set(flowsOf(run.records).map((flow) => flow.container_id));
		await run.until("two flows", () => containers().size > 1);
		expect(containers()).toEqual(new Set(ids));
		for (const flow of flowsOf(run.records)) expect(flow.connections_open).toBe(1);
	});
});
