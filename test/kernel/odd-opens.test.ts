/** Connections that begin in rarer ways. */

import { describe, expect } from "bun:test";
import type { EventRecord } from "../../src/flow/records.ts";
import { briefly, eventsDuring, named } from "../support/events.ts";
import { acceptedBy, seesAccept } from "../support/hooks.ts";
import { listed } from "../support/listing.ts";
import { LACKS_MPTCP, untilTwoSubflows } from "../support/mptcp.ts";
import { NamespacePair } from "../support/namespaces.ts";
import { Puppet } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";
import { until } from "../support/until.ts";

const side = (events: readonly EventRecord[], direction: string): EventRecord[] =>
	events.filter((event) => event.direction === direction);

/** What each side says at its end. */
const closeOf = (events: readonly EventRecord[], direction: string): EventRecord | undefined =>
	side(named(events, "close"), direction)[0];

describe("TCP Fast Open", () => {
	for (const how of ["sendto(MSG_FASTOPEN)", "TCP_FASTOPEN_CONNECT"])
		kernelTest(`with ${how}: data in the SYN counts, and each connection once`, async () => {
			using pair = new NamespacePair();
			pair.set("net.ipv4.tcp_fastopen", "3");
			const { prefix } = pair.left;
			await using server = Puppet.start(prefix);
			await using client = Puppet.start(prefix);
			const [listener, port] = await server.listen();
			await server.call("set", listener, "fastopen", 16);
			const events = await eventsDuring(async () => {
				// The first one gets the cookie that the second needs.
				for (let turn = 0; turn < 2; turn++) {
					const fd = await client.do("socket", "tcp4");
					if (how === "TCP_FASTOPEN_CONNECT") {
						await client.call("set", fd, "fastopen_connect", 1);
						await client.call("connect", fd, "127.0.0.1", port);
						expect(await client.do("send", fd, 500)).toBe(500);
					} else
						expect(await client.do("send_to", fd, 500, "127.0.0.1", port, "fastopen")).toBe(500);
					const accepted = await server.do("accept", listener);
					expect(await server.do("recv_all", accepted, 500)).toBe(500);
					expect(await server.do("send", accepted, 70)).toBe(70);
					expect(await client.do("recv_all", fd, 70)).toBe(70);
					await client.call("close", fd);
					await server.call("close", accepted);
				}
				return port;
			}, 8);
			const [opener, acceptor] = [await client.pid(), await server.pid()];
			expect(side(events, "active").map(briefly)).toEqual([
				...[`connect ${opener} task`, `close ${opener} task`],
				...[`connect ${opener} task`, `close ${opener} task`],
			]);
			expect(named(events, "accept").map(({ pid }) => pid)).toEqual([acceptor, acceptor]);
			for (const close of side(named(events, "close"), "active"))
				expect(close).toMatchObject({ bytes_sent: 500, bytes_received: 70 });
			for (const close of side(named(events, "close"), "passive"))
				expect(close).toMatchObject({ bytes_sent: 70, bytes_received: 500 });
		});
});

kernelTest(
	"SelfConnect: a socket that connects to itself is one connection, with one port",
	async () => {
		await using puppet = Puppet.start();
		const events = await eventsDuring(async () => {
			const fd = await puppet.do("socket", "tcp4");
			await puppet.call("bind", fd, "127.0.0.1", 0);
			const port = await puppet.do("local_port", fd);
			await puppet.call("connect", fd, "127.0.0.1", port);
			await puppet.call("send", fd, 123);
			await puppet.call("recv_all", fd, 123);
			await puppet.call("close", fd);
			return port;
		}, 2);
		expect(events.map(({ event, direction }) => `${event} ${direction}`)).toEqual([
			...["connect active", "close active"],
		]);
		expect(new Set(events.map(({ id }) => id)).size).toBe(1);
		for (const event of events) expect(event.local_port).toBe(event.remote_port ?? 0);
		expect(events[1]).toMatchObject({ bytes_sent: 123, bytes_received: 123 });
	},
);

kernelTest("a simultaneous open is an active connection on both sides", async () => {
	using pair = new NamespacePair();
	const { left, right } = pair;
	await using one = Puppet.start(left.prefix);
	await using other = Puppet.start(right.prefix);
	const ends = [
		{ puppet: one, local: left.ipv4, remote: right.ipv4 },
		{ puppet: other, local: right.ipv4, remote: left.ipv4 },
	];
	const port = 7007;
	const events = await eventsDuring(async () => {
		pair.misdirect(true);
		const connecting: Promise<unknown>[] = [];
		for (const { puppet, local, remote } of ends) {
			const fd = await puppet.do("socket", "tcp4");
			await puppet.call("bind", fd, local, port);
			connecting.push(puppet.call("connect", fd, remote, port));
		}
		const states = () =>
			[left, right].map(({ name }) => listed("--netns", `/run/netns/${name}`)[0]?.state);
		const areBothSent = (): boolean => states().join() === "SYN_SENT,SYN_SENT";
		await until("SYN_SENT on both sides", areBothSent, { everyMs: 1, soFar: states });
		pair.misdirect(false);
		await Promise.all(connecting);
		for (const { puppet } of ends) await puppet.call("send", 3, 50);
		for (const { puppet } of ends) await puppet.call("recv_all", 3, 50);
		for (const { puppet } of ends) await puppet.call("close", 3);
		return port;
	}, 4);
	const pids = [await one.pid(), await other.pid()];
	expect(new Set(events.map(({ direction }) => direction))).toEqual(new Set(["active"]));
	for (const name of ["connect", "close"] as const) {
		const found = named(events, name);
		expect(new Set(found.map(({ pid }) => pid))).toEqual(new Set(pids));
		expect(found.length).toBe(2);
	}
	for (const close of named(events, "close"))
		expect(close).toMatchObject({ bytes_sent: 50, bytes_received: 50, attribution: "task" });
});

describe.skipIf(LACKS_MPTCP)("MPTCP", () => {
	async function exchange(server: Puppet, client: Puppet, kind: string, address: string) {
		const [listener, port] = await server.listen(0, "mptcp4", address);
		const [fd] = await client.connect(port, kind, address);
		const accepted = await server.do("accept", listener);
		await client.call("send", fd, 3000);
		await server.call("recv_all", accepted, 3000);
		await server.call("send", accepted, 700);
		await client.call("recv_all", fd, 700);
		return { port, fd, accepted };
	}

	for (const [what, kind] of [
		["a connection", "mptcp4"],
		["one whose other side has plain TCP", "tcp4"],
	] as const)
		kernelTest(`${what} is there once, with its processes and bytes`, async () => {
			await using server = Puppet.start();
			await using client = Puppet.start();
			const events = await eventsDuring(async () => {
				const { port, fd, accepted } = await exchange(server, client, kind, "127.0.0.1");
				await client.call("close", fd);
				await server.call("close", accepted);
				return port;
			}, 4);
			const [opener, acceptor] = [await client.pid(), await server.pid()];
			expect(side(events, "active").map(briefly)).toEqual([
				...[`connect ${opener} task`, `close ${opener} task`],
			]);
			expect(side(events, "passive").map(({ event, pid }) => `${event} ${pid}`)).toEqual([
				...[`accept ${acceptor}`, `close ${acceptor}`],
			]);
			expect(closeOf(events, "active")).toMatchObject({ bytes_sent: 3000, bytes_received: 700 });
			expect(closeOf(events, "passive")).toMatchObject({ bytes_sent: 700, bytes_received: 3000 });
		});

	kernelTest("a connection from before the start has its processes", async () => {
		await using server = Puppet.start();
		await using client = Puppet.start();
		const { port, fd, accepted } = await exchange(server, client, "mptcp4", "127.0.0.1");
		const events = await eventsDuring(async () => {
			await client.call("close", fd);
			await server.call("close", accepted);
			return port;
		}, 2);
		expect(closeOf(events, "active")).toMatchObject({
			...{ pid: await client.pid(), attribution: "scan", bytes_sent: 3000, bytes_received: 700 },
		});
		expect(closeOf(events, "passive")).toMatchObject({
			...{ pid: await server.pid(), attribution: "scan", bytes_sent: 700, bytes_received: 3000 },
		});
	});

	kernelTest("a subflow that the kernel opens is of the process of the first one", async () => {
		using pair = new NamespacePair();
		const { left, right } = pair;
		pair.addAddress(left, "10.77.0.11");
		const limits = [...["ip", "mptcp", "limits", "set", "subflow", "2"], "add_addr_accepted", "2"];
		for (const { prefix } of [left, right]) Bun.spawnSync([...prefix, ...limits]);
		const endpoint = ["ip", "mptcp", "endpoint", "add", "10.77.0.11", "dev", "cable", "subflow"];
		expect(Bun.spawnSync([...left.prefix, ...endpoint]).exitCode).toBe(0);
		await using server = Puppet.start(right.prefix);
		await using client = Puppet.start(left.prefix);
		const events = await eventsDuring(async () => {
			const { port, fd, accepted } = await exchange(server, client, "mptcp4", right.ipv4);
			await untilTwoSubflows(left.name);
			await client.call("close", fd);
			await server.call("close", accepted);
			return port;
		}, 8);
		const [opener, acceptor] = [await client.pid(), await server.pid()];
		const connects = named(events, "connect");
		expect(connects.map(({ local_address }) => local_address)).toEqual([left.ipv4, "10.77.0.11"]);
		expect(connects.map(briefly)).toEqual(Array(2).fill(`connect ${opener} task`));
		expect(named(events, "accept").map(({ pid }) => pid)).toEqual([acceptor, acceptor]);
		expect(new Set(side(named(events, "close"), "active").map(({ pid }) => pid))).toEqual(
			new Set([opener]),
		);
		expect(named(events, "close").length).toBe(4);
	});
});

kernelTest("of listeners that share a port, each has its own connections", async () => {
	const port = 0;
	await using first = Puppet.start();
	const servers = [first, await first.make("fork", "second"), await first.make("fork", "third")];
	const listeners: number[] = [];
	let shared = port;
	for (const server of servers) {
		const fd = await server.do("socket", "tcp4");
		await server.call("set", fd, "reuseport", 1);
		await server.call("bind", fd, "127.0.0.1", shared);
		await server.call("listen", fd, 100);
		await server.call("set", fd, "nonblock", 1);
		shared = await server.do("local_port", fd);
		listeners.push(fd);
	}
	await using client = Puppet.start();
	const truth = new Map<number, number>();
	const events = await eventsDuring(async () => {
		for (let turn = 0; turn < 24; turn++) await client.connect(shared);
		for (const [index, server] of servers.entries())
			for (;;) {
				const accepted = await server.attempt("accept", listeners[index] ?? 0);
				if (accepted.error !== null) break;
				truth.set(accepted.port ?? 0, accepted.pid);
			}
		return shared;
	}, 48);
	const accepts = named(events, "accept");
	expect(new Map(accepts.map(({ remote_port, pid }) => [remote_port ?? 0, pid ?? 0]))).toEqual(
		truth,
	);
	expect(new Set(accepts.map(({ attribution }) => attribution))).toEqual(
		new Set([seesAccept() ? "task" : "listener"]),
	);
	expect(new Set(truth.values()).size).toBeGreaterThan(1);
});

for (const [how, ...async] of [["by io_uring"], ["by a worker of io_uring", "async"]] as const)
	kernelTest(`what is accepted ${how} is of its process`, async () => {
		await using server = Puppet.start();
		await using client = Puppet.start();
		const [listener, port] = await server.listen();
		const events = await eventsDuring(async () => {
			const accepting = server.do("uring_accept", listener, ...async);
			const [fd] = await client.connect(port);
			await server.call("close", await accepting);
			await client.call("close", fd);
			return port;
		}, 4);
		const pid = await server.pid();
		expect(side(events, "passive").map(briefly)).toEqual([
			...[`accept ${pid} ${seesAccept() ? "task" : "listener"}`, `close ${pid} ${acceptedBy()}`],
		]);
	});
