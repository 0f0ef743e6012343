/** Sockets that are shared, or go from one process to another. */

import { describe, expect } from "bun:test";
import { Conntracer, eventsOf } from "../support/conntracer.ts";
import { briefly, eventsDuring, isAt, named, ROOM } from "../support/events.ts";
import { acceptedBy, seesAccept } from "../support/hooks.ts";
import { listed } from "../support/listing.ts";
import { Puppet } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";

/** Two processes with a Unix socket between them, to pass files over. */
interface Pair {
	readonly parent: Puppet;
	readonly giver: Puppet;
	readonly taker: Puppet;
	readonly near: number;
	readonly far: number;
}

async function giverAndTaker(): Promise<Pair> {
	const parent = Puppet.start();
	const { result: near, other: far = 0 } = await parent.call("pair");
	const giver = await parent.make("fork", "giver");
	const taker = await parent.make("fork", "taker");
	return { parent, giver, taker, near, far };
}

const active = (port: number) =>
	listed("--port", port).filter(({ direction }) => direction === "active");

kernelTest(
	"a connection that is passed on stays with who opened it, and is held by another",
	async () => {
		await using server = Puppet.start();
		const [, port] = await server.listen();
		const { parent, giver, taker, near, far } = await giverAndTaker();
		await using _ = parent;
		const [opener, holder] = [await giver.pid(), await taker.pid()];
		const events = await eventsDuring(async () => {
			const [fd] = await giver.connect(port);
			await giver.call("pass", near, fd);
			const taken = await taker.do("take", far);
			const both = [
				{ pid: opener, fd },
				{ pid: holder, fd: taken },
			].sort((a, b) => a.pid - b.pid);
			const [first, ...others] = both;
			expect(active(port)).toMatchObject([{ ...first, attribution: "scan", holders: others }]);
			await giver.call("close", fd);
			expect(active(port)).toMatchObject([{ pid: holder, fd: taken, holders: [] }]);
			await taker.call("close", taken);
			return port;
		}, 2);
		const ours = events.filter(({ direction }) => direction === "active");
		expect(ours.map(briefly)).toEqual([`connect ${opener} task`, `close ${opener} task`]);
	},
);

kernelTest(
	"an accepted connection that is passed on is of who accepted it, or closes it",
	async () => {
		const { parent, giver, taker, near, far } = await giverAndTaker();
		await using _ = parent;
		await using client = Puppet.start();
		const [listener, port] = await giver.listen();
		const [acceptor, closer] = [await giver.pid(), await taker.pid()];
		const events = await eventsDuring(async () => {
			for (let turn = 0; turn < 5; turn++) {
				const [fd] = await client.connect(port);
				const accepted = await giver.do("accept", listener);
				await giver.call("pass", near, accepted);
				await giver.call("close", accepted);
				await taker.call("close", await taker.do("take", far));
				await client.call("close", fd);
			}
			return port;
		}, 20);
		const ours = events.filter(({ direction }) => direction === "passive");
		expect(new Set(ours.map(briefly))).toEqual(
			seesAccept()
				? new Set([`accept ${acceptor} task`, `close ${acceptor} task`])
				: new Set([`accept ${acceptor} listener`, `close ${closer} scan`]),
		);
	},
);

describe("a connection that several processes have open is closed once, by the last of them", () => {
	kernelTest("after fork()", async () => {
		await using server = Puppet.start();
		const [, port] = await server.listen();
		await using parent = Puppet.start();
		const pid = await parent.pid();
		const events = await eventsDuring(async () => {
			const [fd] = await parent.connect(port);
			const child = await parent.make("fork", "child");
			const second = await child.pid();
			const [lower, higher] = [pid, second].sort((a, b) => a - b);
			expect(active(port)).toMatchObject([{ pid: lower, holders: [{ pid: higher, fd }] }]);
			await parent.call("close", fd);
			expect(active(port)).toMatchObject([{ pid: second, holders: [] }]);
			await child.call("close", fd);
			return port;
		}, 2);
		const ours = events.filter(({ direction }) => direction === "active");
		expect(ours.map(briefly)).toEqual([`connect ${pid} task`, `close ${pid} task`]);
	});

	kernelTest("where they share one table of files", async () => {
		await using server = Puppet.start();
		const [, port] = await server.listen();
		await using parent = Puppet.start();
		const pid = await parent.pid();
		const events = await eventsDuring(async () => {
			const twin = await parent.make("clone_files", "twin");
			const second = await twin.pid();
			const [fd] = await parent.connect(port);
			const [lower, higher] = [pid, second].sort((a, b) => a - b);
			expect(active(port)).toMatchObject([{ pid: lower, holders: [{ pid: higher, fd }] }]);
			await twin.call("close", fd);
			expect(active(port)).toEqual([]);
			return port;
		}, 2);
		const ours = events.filter(({ direction }) => direction === "active");
		expect(ours.map(briefly)).toEqual([`connect ${pid} task`, `close ${pid} task`]);
	});

	kernelTest("under two numbers in one process", async () => {
		await using server = Puppet.start();
		const [, port] = await server.listen();
		await using client = Puppet.start();
		const events = await eventsDuring(async () => {
			const [fd] = await client.connect(port);
			const second = await client.do("dup", fd);
			const pid = await client.pid();
			expect(active(port)).toMatchObject([{ pid, fd, holders: [{ pid, fd: second }] }]);
			await client.call("close", fd);
			expect(active(port)).toMatchObject([{ pid, fd: second, holders: [] }]);
			await client.call("close", second);
			return port;
		}, 2);
		const ours = events.filter(({ direction }) => direction === "active");
		expect(ours.map(({ event }) => event)).toEqual(["connect", "close"]);
	});
});

kernelTest("exec() keeps a connection, and its process", async () => {
	await using server = Puppet.start();
	const [, port] = await server.listen();
	await using client = Puppet.start();
	const pid = await client.pid();
	const events = await eventsDuring(async () => {
		await client.call("rename", "before-exec");
		const [fd] = await client.connect(port);
		await client.call("exec");
		await client.call("rename", "after-exec");
		expect(active(port)).toMatchObject([{ pid, fd, process: "after-exec" }]);
		await client.call("close", fd);
		return port;
	}, 2);
	const ours = events.filter(({ direction }) => direction === "active");
	expect(ours.map((event) => `${briefly(event)} ${event.process}`)).toEqual([
		`connect ${pid} task before-exec`,
		`close ${pid} task before-exec`,
	]);
});

kernelTest(
	"a program that was started with a listening socket closes what it accepts",
	async () => {
		await using parent = Puppet.start();
		const [listener, port] = await parent.listen();
		const child = await parent.make("spawn", "inetd-like");
		await child.call("rename", "started");
		const pid = await child.pid();
		await using client = Puppet.start();
		const events = await eventsDuring(async () => {
			const [fd] = await client.connect(port);
			await child.call("close", await child.do("accept", listener));
			await client.call("close", fd);
			return port;
		}, 4);
		const [close] = named(events, "close").filter(({ direction }) => direction === "passive");
		expect(close).toMatchObject({ pid, tid: pid, process: "started", attribution: acceptedBy() });
	},
);

describe("an accepted connection is of who closes it", () => {
	const cases: [
		how: string,
		reason: string,
		...steps: [side: "client" | "worker", call: string][],
	][] = [
		["after a FIN of the other side", "remote", ["client", "shutdown"], ["worker", "close"]],
		["before the other side", "local", ["worker", "close"], ["client", "close"]],
		["with a reset", "reset_sent", ["worker", "reset"], ["client", "close"]],
		["after a reset of the other side", "reset_received", ["client", "reset"], ["worker", "close"]],
	];
	for (const [how, reason, ...steps] of cases)
		kernelTest(how, async () => {
			await using parent = Puppet.start();
			const [listener, port] = await parent.listen();
			const worker = await parent.make("fork", "worker");
			await using client = Puppet.start();
			const events = await eventsDuring(async () => {
				const [fd] = await client.connect(port);
				const accepted = await worker.do("accept", listener);
				for (const [side, call] of steps) {
					const [puppet, socket] = side === "client" ? [client, fd] : [worker, accepted];
					if (call === "reset") await puppet.call("set", socket, "linger", 0);
					await puppet.call("close", socket);
				}
				return port;
			}, 4);
			const [close] = named(events, "close").filter(({ direction }) => direction === "passive");
			expect(close).toMatchObject({ pid: await worker.pid(), attribution: acceptedBy() });
			expect(close?.close_reason).toBe(reason as "local");
			for (const { remote_port, remote_address } of events)
				expect({ remote_port: remote_port !== 0, remote_address }).toEqual({
					...{ remote_port: true, remote_address: "127.0.0.1" },
				});
		});

	kernelTest("but not of the kernel, which closes what nobody has received", async () => {
		await using server = Puppet.start();
		const [listener, port] = await server.listen();
		await using client = Puppet.start();
		const pid = await server.pid();
		await using conntracer = await Conntracer.run("events", ...ROOM, "--events", "close");
		await client.connect(port);
		const accepted = await server.do("accept", listener);
		// A Unix socket on its way over itself, and the connection behind it: only a collector sees it.
		const { result: near, other: far = 0 } = await server.call("pair");
		await server.call("pass", near, far);
		await server.call("pass", near, accepted);
		for (const fd of [near, far, accepted]) await server.call("close", fd);
		// The collector runs when a Unix socket ends; at its first look it may only see who is related.
		for (let round = 0; round < 3; round++) {
			const pair = await server.call("pair");
			for (const fd of [pair.result, pair.other ?? 0]) await server.call("close", fd);
		}
		const ours = isAt(port);
		await conntracer.until("a close", (records) => eventsOf(records, ours).length > 0);
		const [close] = eventsOf(conntracer.records, ours);
		expect(close?.pid).toBe(pid);
	});
});
