/** Whose a connection is: its process, thread, user, cgroup and namespaces. */

import { describe, expect } from "bun:test";
import { mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import type { EventRecord } from "../../src/flow/records.ts";
import { briefly, eventsDuring, named } from "../support/events.ts";
import { NamespacePair } from "../support/namespaces.ts";
import { Puppet, type Reply } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";

/** A server of 127.0.0.1 that need not accept. */
async function server(prefix: readonly string[] = []): Promise<{ puppet: Puppet; port: number }> {
	const puppet = Puppet.start(prefix);
	const [, port] = await puppet.listen();
	return { puppet, port };
}

/** One connection to a port, to its end: who has made it, and what was said of the active side. */
async function connection(
	who: Puppet,
	port: number,
	connect: (fd: number) => Promise<Reply> = (fd) => who.attempt("connect", fd, "127.0.0.1", port),
): Promise<{ reply: Reply; events: EventRecord[] }> {
	let reply: Reply | null = null;
	const events = await eventsDuring(async () => {
		const fd = await who.do("socket", "tcp4");
		reply = await connect(fd);
		await who.call("close", fd);
		return port;
	}, 2);
	if (reply === null) throw new Error("nobody has connected");
	return { reply, events: events.filter(({ direction }) => direction === "active") };
}

describe("a process goes by the name of its main thread", () => {
	kernelTest("whichever thread connects, and whatever that is called", async () => {
		const { puppet, port } = await server();
		await using _ = puppet;
		await using client = Puppet.start();
		await client.call("rename", "main-thread");
		const thread = await client.make("thread", "t");
		await thread.call("rename", "other-thread");
		const { reply, events } = await connection(thread, port);
		expect(reply.tid).not.toBe(reply.pid);
		for (const event of events)
			expect(event).toMatchObject({
				...{ pid: reply.pid, tid: reply.tid, process: "main-thread", attribution: "task" },
			});
	});

	kernelTest("as it is at that moment", async () => {
		const { puppet, port } = await server();
		await using _ = puppet;
		await using client = Puppet.start();
		const events = await eventsDuring(async () => {
			for (const name of ["before", "after"]) {
				await client.call("rename", name);
				const [fd] = await client.connect(port);
				await client.call("close", fd);
			}
			return port;
		}, 4);
		const names = named(events, "connect").map(({ process }) => process);
		expect(names).toEqual(["before", "after"]);
	});
});

kernelTest("a process that is gone right after its connect() has its id and its name", async () => {
	const { puppet, port } = await server();
	await using _ = puppet;
	await using parent = Puppet.start();
	const pids: number[] = [];
	const events = await eventsDuring(async () => {
		for (let i = 0; i < 10; i++) {
			const brief = await parent.make("fork", `brief${i}`);
			await brief.call("rename", `brief-${i}`);
			const fd = await brief.do("socket", "tcp4");
			pids.push((await brief.call("connect_and_exit", fd, "127.0.0.1", port)).pid);
		}
		return port;
	}, 20);
	const active = events.filter(({ direction }) => direction === "active");
	const expected = pids.map((pid, i) => `connect ${pid} task brief-${i}`);
	const connects = named(active, "connect");
	expect(connects.map((event) => `${briefly(event)} ${event.process}`)).toEqual(expected);
	const closers = named(active, "close").map(({ pid }) => pid ?? 0);
	expect(closers.sort((a, b) => a - b)).toEqual(pids.sort((a, b) => a - b));
});

describe("the process of a connect() is the one that called it", () => {
	kernelTest("without waiting for the answer", async () => {
		const { puppet, port } = await server();
		await using _ = puppet;
		await using client = Puppet.start();
		const { reply, events } = await connection(client, port, async (fd) => {
			await client.call("set", fd, "nonblock", 1);
			const started = await client.attempt("connect", fd, "127.0.0.1", port);
			await client.call("poll", fd, "out");
			expect((await client.attempt("error", fd)).error).toBeNull();
			return started;
		});
		expect(events.map(briefly)).toEqual([`connect ${reply.pid} task`, `close ${reply.pid} task`]);
	});

	kernelTest("without waiting for a refusal", async () => {
		await using client = Puppet.start();
		const refuses = await client.do("socket", "tcp4");
		await client.call("bind", refuses, "127.0.0.1", 0);
		const port = await client.do("local_port", refuses);
		const events = await eventsDuring(async () => {
			const fd = await client.do("socket", "tcp4");
			await client.call("set", fd, "nonblock", 1);
			await client.attempt("connect", fd, "127.0.0.1", port);
			await client.call("poll", fd, "out");
			expect((await client.attempt("error", fd)).error).toBe("ECONNREFUSED");
			await client.call("close", fd);
			return port;
		}, 1);
		expect(events.map(briefly)).toEqual([`connect_failed ${await client.pid()} task`]);
		expect(events[0]?.error).toBe("ECONNREFUSED");
	});

	for (const [how, ...async] of [["by io_uring"], ["by a worker of io_uring", "async"]] as const)
		kernelTest(how, async () => {
			const { puppet, port } = await server();
			await using _ = puppet;
			await using client = Puppet.start();
			await client.call("rename", "uring");
			const { reply, events } = await connection(client, port, (fd) =>
				client.call("uring_connect", fd, "127.0.0.1", port, ...async),
			);
			expect(events.map(briefly)).toEqual([`connect ${reply.pid} task`, `close ${reply.pid} task`]);
			expect(events[0]?.process).toBe("uring");
		});
});

kernelTest("connect() on a UDP socket is no TCP connection", async () => {
	const { puppet, port } = await server();
	await using _ = puppet;
	await using client = Puppet.start();
	const work = async (): Promise<number> => {
		const udp = await client.do("socket", "udp4");
		await client.call("connect", udp, "127.0.0.1", port);
		await client.call("send", udp, 10);
		await client.call("connect", udp, "none", 0);
		const [fd] = await client.connect(port);
		await client.call("close", fd);
		return port;
	};
	const events = await eventsDuring(work, 2, "--transport", "tcp");
	const active = events.filter(({ direction }) => direction === "active");
	expect(active.map(({ event }) => event)).toEqual(["connect", "close"]);
});

kernelTest("a connection has the user of its process", async () => {
	const { puppet, port } = await server();
	await using _ = puppet;
	await using parent = Puppet.start();
	const other = await parent.make("fork", "other");
	await other.call("set_uid", 65_534);
	const { events } = await connection(other, port);
	expect(events.map(({ uid }) => uid)).toEqual([65_534, 65_534]);
});

kernelTest("both sides have the network namespace that they are in", async () => {
	using pair = new NamespacePair();
	const { left, right } = pair;
	await using host = Puppet.start(right.prefix);
	await using client = Puppet.start(left.prefix);
	const [listener, port] = await host.listen(0, "tcp4", right.ipv4);
	const events = await eventsDuring(async () => {
		const [fd] = await client.connect(port, "tcp4", right.ipv4);
		await host.call("close", await host.do("accept", listener));
		await client.call("close", fd);
		return port;
	}, 4);
	const of = (direction: string) =>
		new Set(events.filter((event) => event.direction === direction).map(({ netns }) => netns));
	expect(of("active")).toEqual(new Set([await client.do("netns")]));
	expect(of("passive")).toEqual(new Set([await host.do("netns")]));
});

kernelTest("a process in another pid namespace has its id in the first one", async () => {
	const { puppet, port } = await server();
	await using _ = puppet;
	await using client = Puppet.start(["unshare", "--pid", "--fork", "--kill-child"]);
	const { reply, events } = await connection(client, port);
	const outside = client.startedPid;
	const children = readFileSync(`/proc/${outside}/task/${outside}/children`, "utf8");
	expect(reply.pid).toBe(1);
	expect(events.map(({ pid }) => pid)).toEqual([Number(children), Number(children)]);
});

/** Where cgroup v2 is mounted. */
function cgroupRoot(): string {
	const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
	const found = mounts.map((line) => line.split(" ")).find(([, , type]) => type === "cgroup2");
	if (found?.[1] === undefined) throw new Error("cgroup v2 is not mounted");
	return found[1];
}

kernelTest("a connection has the cgroup of its process", async () => {
	const { puppet, port } = await server();
	await using _ = puppet;
	const group = `${cgroupRoot()}/conntracer-test-${process.pid}`;
	mkdirSync(group);
	try {
		await using client = Puppet.start();
		writeFileSync(`${group}/cgroup.procs`, String(await client.pid()));
		const { events } = await connection(client, port);
		const id = String(statSync(group).ino);
		expect(events.map(({ cgroup_id }) => cgroup_id)).toEqual([id, id]);
	} finally {
		rmdirSync(group);
	}
});
