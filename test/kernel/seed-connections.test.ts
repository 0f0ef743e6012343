/** Cases of the seeds' suites (docs/seed-cases.md): how connections go, and how they end. */

import { describe, expect } from "bun:test";
import type { FlowRecord } from "../../src/flow/records.ts";
import { Conntracer, eventsOf, flowsOf, gapsOf, type OutputRecord } from "../support/conntracer.ts";
import { eventsDuring, named, ROOM } from "../support/events.ts";
import { listed } from "../support/listing.ts";
import { NamespacePair } from "../support/namespaces.ts";
import { Puppet } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";
import { runTraffic } from "../support/traffic.ts";
import { until } from "../support/until.ts";

/** Two machines with a connection between them. */
async function connected() {
	using resources = new DisposableStack();
	const pair = resources.use(new NamespacePair());
	const server = Puppet.start(pair.right.prefix);
	const client = Puppet.start(pair.left.prefix);
	const [listener, port] = await server.listen(0, "tcp4", pair.right.ipv4);
	const open = async () => {
		const [fd] = await client.connect(port, "tcp4", pair.right.ipv4);
		return { fd, accepted: await server.do("accept", listener) };
	};
	const kept = resources.move();
	const close = async (): Promise<void> => {
		await client[Symbol.asyncDispose]();
		await server[Symbol.asyncDispose]();
		kept.dispose();
	};
	const here = () => listed("--netns", `/run/netns/${pair.left.name}`);
	return { pair, client, server, port, open, here, [Symbol.asyncDispose]: close };
}

/** The first segment that is lost has been sent again. */
async function untilSentAgain({ here }: Awaited<ReturnType<typeof connected>>): Promise<void> {
	const soFar = (): number => here()[0]?.segments_retransmitted ?? 0;
	await until("a retransmission", () => soFar() > 0, { everyMs: 5, soFar });
}

kernelTest(
	"1,200 refused connections, then connect, accept, close, close: no other event",
	async () => {
		using pair = new NamespacePair();
		const { name, prefix } = pair.left;
		await using server = Puppet.start(prefix);
		await using client = Puppet.start(prefix);
		await using conntracer = await Conntracer.run(
			...["events", ...ROOM, "--netns", `/run/netns/${name}`],
		);
		const { clients } = await runTraffic(["refused", "--count", "1200"], prefix);
		expect(clients[0]?.failed).toEqual({ ECONNREFUSED: 1200 });
		const [listener, port] = await server.listen();
		const [fd] = await client.connect(port);
		const accepted = await server.do("accept", listener);
		await client.call("close", fd);
		await server.call("recv_all", accepted, 1);
		await server.call("close", accepted);
		await conntracer.until("1204 events", (records) => eventsOf(records).length >= 1204);
		const { records } = await conntracer.stop();
		const events = eventsOf(records);
		const refused = events.slice(0, 1200);
		expect(new Set(refused.map((event) => `${event.event} ${event.error} ${event.pid}`))).toEqual(
			new Set([`connect_failed ECONNREFUSED ${clients[0]?.pid}`]),
		);
		const [opener, acceptor] = [await client.pid(), await server.pid()];
		const rest = events.slice(1200).map((event) => `${event.event} ${event.pid}`);
		expect(rest.slice(0, 2).sort()).toEqual([`accept ${acceptor}`, `connect ${opener}`]);
		expect(rest.slice(2).sort()).toEqual([`close ${opener}`, `close ${acceptor}`].sort());
		expect(gapsOf(records)).toEqual([]);
	},
);

kernelTest(
	"TCPRetransmit: 100 times 512 B that are lost are sent again, and count once",
	async () => {
		await using net = await connected();
		const { client, server, port } = net;
		let retransmits = 0;
		const events = await eventsDuring(async () => {
			const { fd, accepted } = await net.open();
			net.pair.misdirect(true);
			for (let i = 0; i < 100; i++) await client.call("send", fd, 512);
			await untilSentAgain(net);
			expect(net.here()[0]).toMatchObject({ bytes_sent: 51_200, bytes_received: 0 });
			net.pair.misdirect(false);
			await server.call("recv_all", accepted, 51_200);
			retransmits = (await client.call("info", fd)).retransmits ?? 0;
			await client.call("close", fd);
			await server.call("close", accepted);
			return port;
		}, 4);
		const close = named(events, "close").find(({ direction }) => direction === "active");
		expect(retransmits).toBeGreaterThan(0);
		expect(close).toMatchObject({ bytes_sent: 51_200, segments_retransmitted: retransmits });
	},
);

kernelTest("TCPRetransmitSharedSocket: 10 processes, one connection, its totals once", async () => {
	await using net = await connected();
	const { fd, accepted } = await net.open();
	const sharing = [net.client];
	for (let i = 1; i < 10; i++) sharing.push(await net.client.make("fork", `p${i}`));
	const pids: number[] = [];
	net.pair.misdirect(true);
	for (const puppet of sharing) pids.push((await puppet.call("send", fd, 512)).pid);
	await untilSentAgain(net);
	const found = net.here();
	expect(found.map(({ bytes_sent }) => bytes_sent)).toEqual([5120]);
	const holders = found.flatMap(({ pid, holders: others }) => [pid, ...others.map((o) => o.pid)]);
	expect(holders).toEqual(pids.toSorted((a, b) => a - b));
	net.pair.misdirect(false);
	expect(await net.server.do("recv_all", accepted, 5120)).toBe(5120);
});

kernelTest("TCPRTT: what TCP_INFO says", async () => {
	await using server = Puppet.start();
	await using client = Puppet.start();
	const [listener, port] = await server.listen();
	const [fd] = await client.connect(port);
	const accepted = await server.do("accept", listener);
	for (let i = 0; i < 20; i++) {
		await client.call("send", fd, 100);
		await server.call("recv_all", accepted, 100);
	}
	const { rtt = 0, rttvar = 0 } = await client.call("info", fd);
	expect(rtt).toBeGreaterThan(0);
	expect(listed("--remote-port", port)).toMatchObject([{ rtt_us: rtt, rtt_var_us: rttvar }]);
});

kernelTest(
	"TCPShortlived: what comes and goes within an interval is in it, and then gone",
	async () => {
		await using server = Puppet.start();
		await using client = Puppet.start();
		const [, port] = await server.listen();
		await using conntracer = await Conntracer.startTcp("--aggregate", "connection");
		const [fd, own] = await client.connect(port);
		await client.call("send", fd, 10);
		await client.call("close", fd);
		const active = (records: readonly OutputRecord[], local: number): FlowRecord[] =>
			flowsOf(records, (flow) => flow.local_port === local && flow.remote_port === port);
		const sum = (flows: readonly FlowRecord[]) =>
			flows.map(({ connections_opened: o, connections_closed: c, bytes_sent: b }) => [o, c, b]);
		// The server never closes its side; this one is in FIN_WAIT2, or done when it ends.
		await server[Symbol.asyncDispose]();
		await conntracer.until("an end", (records) =>
			active(records, own).some((flow) => flow.connections_closed === 1),
		);
		const shown = conntracer.records.length;
		await using other = Puppet.start();
		const [, otherPort] = await other.listen();
		const [, later] = await client.connect(otherPort);
		await conntracer.until("two intervals", (records) => {
			return flowsOf(records, (flow) => flow.local_port === later).length >= 2;
		});
		const columns = sum(active(conntracer.records, own));
		const totals = [0, 1, 2].map((at) => columns.reduce((total, row) => total + (row[at] ?? 0), 0));
		expect(totals).toEqual([1, 1, 10]);
		expect(active(conntracer.records.slice(shown), own)).toEqual([]);
	},
);

kernelTest(
	"TooSmallBPFMap: with room for one, one connection is there, the others in gaps",
	async () => {
		await using server = Puppet.start();
		await using client = Puppet.start();
		const [, port] = await server.listen();
		await using conntracer = await Conntracer.run("events", "--max-connections", "1");
		for (let i = 0; i < 5; i++) await client.connect(port);
		await conntracer.until("gaps", (records) => {
			const found = gapsOf(records).filter(({ stage }) => stage === "connection_table");
			return found.reduce((total, { count }) => total + count, 0) >= 9;
		});
		const { records, exitCode } = await conntracer.stop();
		const ids = new Set(eventsOf(records, ({ remote_port: r }) => r === port).map(({ id }) => id));
		expect(ids.size).toBeLessThanOrEqual(1);
		expect(exitCode).toBe(0);
	},
);

describe("TCPFailure", () => {
	for (const [name, bytes] of [
		["ResetWithData", 4],
		["ResetNoData", 0],
	] as const)
		kernelTest(`${name}: ECONNRESET after ${bytes} B`, async () => {
			await using server = Puppet.start();
			await using client = Puppet.start();
			const [listener, port] = await server.listen();
			const events = await eventsDuring(async () => {
				const [fd] = await client.connect(port);
				if (bytes > 0) await client.call("send", fd, bytes);
				const accepted = await server.do("accept", listener);
				await server.call("recv_all", accepted, bytes);
				await server.call("set", accepted, "linger", 0);
				await server.call("close", accepted);
				expect((await client.attempt("recv", fd, 1)).error).toBe("ECONNRESET");
				await client.call("close", fd);
				return port;
			}, 4);
			const [closed, reset] = ["active", "passive"].map((side) =>
				named(events, "close").find(({ direction }) => direction === side),
			);
			expect(closed).toMatchObject({
				...{ error: "ECONNRESET", close_reason: "reset_received", bytes_sent: bytes },
			});
			expect(reset).toMatchObject({ close_reason: "reset_sent", bytes_received: bytes });
		});

	kernelTest("Timeout: TCP_USER_TIMEOUT of 500 ms, to a peer that has vanished", async () => {
		await using net = await connected();
		const { client, port } = net;
		const events = await eventsDuring(async () => {
			const { fd } = await net.open();
			await client.call("set", fd, "user_timeout", 500);
			net.pair.misdirect(true);
			await client.call("send", fd, 4);
			await client.call("poll", fd, "in");
			expect((await client.attempt("error", fd)).error).toBe("ETIMEDOUT");
			await client.call("close", fd);
			return port;
		}, 3);
		expect(named(events, "close")).toMatchObject([
			{ direction: "active", error: "ETIMEDOUT", close_reason: "timeout", bytes_sent: 4 },
		]);
	});
});

kernelTest("ConnectionDuration: from the SYN to the end", async () => {
	await using server = Puppet.start();
	await using client = Puppet.start();
	const [, port] = await server.listen();
	let [least, most] = [0, 0];
	const events = await eventsDuring(async () => {
		const fd = await client.do("socket", "tcp4");
		await client.call("set", fd, "linger", 0);
		const begin = performance.now();
		await client.call("connect", fd, "127.0.0.1", port);
		const open = performance.now();
		await Bun.sleep(300); // so long it is open: what it is about
		least = performance.now() - open;
		await client.call("close", fd);
		most = performance.now() - begin;
		return port;
	}, 2);
	const close = named(events, "close").find(({ direction }) => direction === "active");
	expect(close?.duration_ms).toBeGreaterThanOrEqual(least);
	expect(close?.duration_ms).toBeLessThanOrEqual(most);
});
