/** Servers whose processes share a listening socket. */

import { describe, expect } from "bun:test";
import type { ConnectionRecord } from "../../src/flow/connection.ts";
import type { EventRecord } from "../../src/flow/records.ts";
import {
	Conntracer,
	eventsOf,
	flowsOf,
	type OutputRecord,
	runShell,
} from "../support/conntracer.ts";
import { eventsDuring, named, ROOM } from "../support/events.ts";
import { acceptedBy, seesAccept } from "../support/hooks.ts";
import { manyOf } from "../support/load.ts";
import { Puppet } from "../support/puppet.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, Traffic } from "../support/traffic.ts";

const COUNT = manyOf(2000);

interface Forked {
	readonly parent: Puppet;
	readonly parentPid: number;
	readonly workers: readonly Puppet[];
	readonly listener: number;
	readonly port: number;
}

async function prefork(count: number): Promise<Forked> {
	const parent = Puppet.start();
	const [listener, port] = await parent.listen();
	const workers: Puppet[] = [];
	for (let i = 0; i < count; i++) workers.push(await parent.make("fork", `w${i}`));
	return { parent, parentPid: await parent.pid(), workers, listener, port };
}

/** One worker after the other accepts a connection: the client's port → its process. */
async function acceptInTurn(
	{ workers, listener, port }: Forked,
	client: Puppet,
	turns: number,
): Promise<{ pids: Map<number, number>; close: () => Promise<void> }> {
	const pids = new Map<number, number>();
	const open: [Puppet, number][] = [];
	for (let turn = 0; turn < turns; turn++) {
		const worker = workers[turn % workers.length];
		if (worker === undefined) throw new Error("no workers");
		const accepting = worker.call("accept", listener);
		const [fd] = await client.connect(port);
		const accepted = await accepting;
		pids.set(accepted.port ?? 0, accepted.pid);
		open.push([client, fd], [worker, accepted.result]);
	}
	const close = async (): Promise<void> => {
		for (const [puppet, fd] of open) await puppet.call("close", fd);
	};
	return { pids, close };
}

describe("workers that accept from one listening socket", () => {
	kernelTest(
		"are the processes of what they close, and of what they are seen to hold",
		async () => {
			const forked = await prefork(3);
			await using _ = forked.parent;
			await using client = Puppet.start();
			let pids = new Map<number, number>();
			const work = async (): Promise<number> => {
				const accepted = await acceptInTurn(forked, client, 12);
				pids = accepted.pids;
				await accepted.close();
				return forked.port;
			};
			const events = await eventsDuring(work, 48);
			const closes = named(events, "close").filter(({ direction }) => direction === "passive");
			for (const { remote_port, pid, tid, attribution } of closes)
				expect({ pid, tid, attribution }).toEqual({
					...{ pid: pids.get(remote_port ?? 0) ?? null, tid: pids.get(remote_port ?? 0) ?? null },
					attribution: acceptedBy(),
				});
			expect(closes.length).toBe(12);
			const accepts = named(events, "accept");
			expect(accepts.length).toBe(12);
			for (const { remote_port, pid, attribution } of accepts)
				expect(pid).toBe(
					attribution === "listener" ? forked.parentPid : (pids.get(remote_port ?? 0) ?? null),
				);
			const known = accepts.filter(({ attribution }) => attribution === acceptedBy());
			// One that nobody had accepted yet when it was looked at stays with the listener.
			expect(known.length).toBeGreaterThanOrEqual(seesAccept() ? 12 : 1);
			const times = events.map(({ time }) => time);
			expect(times).toEqual(times.toSorted());
		},
	);

	kernelTest("are the last_pid of a flow", async () => {
		const forked = await prefork(1);
		await using _ = forked.parent;
		await using client = Puppet.start();
		await using conntracer = await Conntracer.startTcp();
		const { pids, close } = await acceptInTurn(forked, client, 1);
		await close();
		const passive = (records: readonly OutputRecord[]) =>
			flowsOf(records, ({ listen_port, direction }) => {
				return listen_port === forked.port && direction === "passive";
			});
		await conntracer.until("a close", (records) =>
			passive(records).some(({ connections_closed }) => connections_closed === 1),
		);
		expect(passive(conntracer.records).at(-1)?.last_pid).toBe([...pids.values()][0] ?? null);
	});

	kernelTest("are the holders in a list", async () => {
		const forked = await prefork(3);
		await using _ = forked.parent;
		await using client = Puppet.start();
		const { pids } = await acceptInTurn(forked, client, 3);
		const { stdout } = runShell(`"$CONNTRACER" list --json --local-port ${forked.port}`);
		const found = stdout
			.trim()
			.split("\n")
			.map((line): ConnectionRecord => JSON.parse(line));
		expect(new Map(found.map(({ remote_port, pid }) => [remote_port ?? 0, pid ?? 0]))).toEqual(
			pids,
		);
		expect(found.filter(({ holders }) => holders.length > 0)).toEqual([]);
	});
});

kernelTest("who was handed the listening socket is the process, not who is gone", async () => {
	await using parent = Puppet.start();
	const { result: near, other: far = 0 } = await parent.call("pair");
	const first = await parent.make("fork", "first");
	const second = await parent.make("fork", "second");
	const [listener, port] = await first.listen();
	await first.call("pass", near, listener);
	const handed = await second.do("take", far);
	first.exit();
	await using client = Puppet.start();
	const pid = await second.pid();
	const work = async (): Promise<number> => {
		for (let turn = 0; turn < 5; turn++) {
			const accepting = second.do("accept", handed);
			const [fd] = await client.connect(port);
			await second.call("close", await accepting);
			await client.call("close", fd);
		}
		return port;
	};
	const events = (await eventsDuring(work, 20)).filter(({ direction }) => direction === "passive");
	expect(new Set(events.map((event) => `${event.pid} ${event.attribution}`))).toContain(
		`${pid} ${acceptedBy()}`,
	);
	expect(new Set(named(events, "close").map((event) => event.pid))).toEqual(new Set([pid]));
});

kernelTest(`${COUNT} connections to 4 workers: each is of the one that closed it`, async () => {
	await using conntracer = await Conntracer.run("events", ...ROOM, "--events", "accept,close");
	const names = ownPrograms("pf");
	const args = ["churn", "--count", `${COUNT}`, "--workers", "4", "--clients", "3", ...names.names];
	await using traffic = new Traffic([...args, "--wait"]);
	const { pids } = await traffic.ready();
	traffic.go();
	const { servers } = await traffic.finish();
	const isPassive = ({ direction, process }: EventRecord) =>
		direction === "passive" && process === names.server;
	await conntracer.until(
		`${2 * COUNT} events`,
		(records) => eventsOf(records, isPassive).length >= 2 * COUNT,
	);
	const run = await conntracer.stop();
	const events = eventsOf(run.records, isPassive);
	const closes = named(events, "close");
	const [parent] = pids;
	for (const { pid, opened } of servers)
		expect(closes.filter((event) => event.pid === pid).length).toBe(opened);
	const closer = new Map(closes.map(({ id, pid }) => [id, pid]));
	for (const { id, pid, attribution } of named(events, "accept"))
		expect(pid).toBe((attribution === "listener" ? parent : closer.get(id)) ?? null);
});

describe("accept() that was called before the start is seen", () => {
	const cases: [what: string, how: "fork" | "thread" | null, count: number][] = [
		["by a process", null, 1],
		["by 50 threads", "thread", 50],
		["by 5 pre-forked workers", "fork", 5],
	];
	for (const [what, how, count] of cases)
		kernelTest(what, async () => {
			await using server = Puppet.start();
			const [listener, port] = await server.listen();
			const acceptors: Puppet[] = [];
			for (let i = 0; i < count; i++)
				acceptors.push(how === null ? server : await server.make(how, `a${i}`));
			const accepting = acceptors.map((acceptor) => acceptor.call("accept", listener));
			await using client = Puppet.start();
			const ports: number[] = [];
			const work = async (): Promise<number> => {
				for (let i = 0; i < count; i++) ports.push((await client.connect(port))[1]);
				await Promise.all(accepting);
				return port;
			};
			const accepts = named(await eventsDuring(work, 2 * count), "accept");
			expect(accepts.map((event) => event.remote_port ?? 0).sort()).toEqual(ports.sort());
			const pids = new Set((await Promise.all(accepting)).map(({ pid }) => pid));
			for (const { pid, attribution } of accepts)
				if (attribution !== "listener" || how !== "fork") expect(pids).toContain(pid ?? 0);
		});
});
