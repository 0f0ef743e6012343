/** Filters by owner, of MPTCP connections: their TCP sockets have no file, and may be a kworker's. */

import { describe, expect } from "bun:test";
import type { FlowRecord } from "../../src/flow/records.ts";
import { addUp, Conntracer, eventsOf, flowsOf, type OutputRecord } from "../support/conntracer.ts";
import { expectNothingLost } from "../support/expectations.ts";
import { LACKS_MPTCP, untilTwoSubflows } from "../support/mptcp.ts";
import { NamespacePair } from "../support/namespaces.ts";
import { Puppet } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";
import { AS_OWN_USER, OWN_UID } from "../support/whereabouts.ts";

const ofPort = (records: readonly OutputRecord[], port: number) =>
	eventsOf(records, ({ local_port, remote_port }) => local_port === port || remote_port === port);

async function connected(server: Puppet, client: Puppet, address: string) {
	const [listener, port] = await server.listen(0, "mptcp4", address);
	const [fd] = await client.connect(port, "mptcp4", address);
	const accepted = await server.do("accept", listener);
	await client.call("send", fd, 3000);
	await server.call("recv_all", accepted, 3000);
	return { port, fd, accepted };
}

describe.skipIf(LACKS_MPTCP)("MPTCP (sysctl net.mptcp.enabled)", () => {
	for (const side of ["client", "server"] as const)
		kernelTest(`-p of the ${side}, for a connection from before the start`, async () => {
			await using server = Puppet.start();
			await using client = Puppet.start();
			const { port, fd, accepted } = await connected(server, client, "127.0.0.1");
			const pid = await (side === "client" ? client : server).pid();
			await using conntracer = await Conntracer.startTcp("-p", `${pid}`);
			await client.call("send", fd, 500);
			await server.call("recv_all", accepted, 500);
			await client.call("close", fd);
			await server.call("close", accepted);
			const isOurs = (flow: FlowRecord): boolean => flow.listen_port === port;
			await conntracer.untilClosed(1, isOurs);
			const run = await conntracer.stop();
			const flows = flowsOf(run.records, isOurs);
			const bytes = { bytes_sent: 500, bytes_received: 0 };
			expect(addUp(flows)).toMatchObject(
				side === "client" ? bytes : { bytes_sent: 0, bytes_received: 500 },
			);
			expect(new Set(flows.map(({ last_pid }) => last_pid))).toEqual(new Set([pid]));
			expectNothingLost(run);
		});

	kernelTest("a subflow that the kernel opens is not the kernel's", async () => {
		using pair = new NamespacePair();
		const { left, right } = pair;
		pair.addAddress(left, "10.77.0.11");
		const limits = [...["ip", "mptcp", "limits", "set", "subflow", "2"], "add_addr_accepted", "2"];
		for (const { prefix } of [left, right]) Bun.spawnSync([...prefix, ...limits]);
		const endpoint = ["ip", "mptcp", "endpoint", "add", "10.77.0.11", "dev", "cable", "subflow"];
		expect(Bun.spawnSync([...left.prefix, ...endpoint]).exitCode).toBe(0);
		await using server = Puppet.start(right.prefix);
		await using client = Puppet.start([...left.prefix, ...AS_OWN_USER]);
		const ofUid = (uid: number) =>
			Conntracer.run("events", "--uid", `${uid}`, "--direction", "active");
		await using owners = await ofUid(OWN_UID);
		await using others = await ofUid(0);
		const { port, fd, accepted } = await connected(server, client, right.ipv4);
		await untilTwoSubflows(left.name);
		await client.call("close", fd);
		await server.call("close", accepted);
		await owners.until("two closes", (records) => ofPort(records, port).length >= 4);
		const [shown, run] = [await owners.stop(), await others.stop()];
		const events = ofPort(shown.records, port);
		expect(events.map(({ event }) => event)).toEqual(["connect", "connect", "close", "close"]);
		expect(new Set(events.map(({ uid }) => uid))).toEqual(new Set([OWN_UID]));
		expect(ofPort(run.records, port)).toEqual([]);
	});
});
