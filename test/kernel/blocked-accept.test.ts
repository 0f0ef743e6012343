/** Calls of accept() that were waiting when the tracer started. */

import { expect } from "bun:test";
import { Acceptors } from "../support/acceptors.ts";
import { Conntracer, eventsOf } from "../support/conntracer.ts";
import { isAt, named, ROOM } from "../support/events.ts";
import { expectNothingLost } from "../support/expectations.ts";
import { seesAccept } from "../support/hooks.ts";
import { kernelTest } from "../support/root.ts";

const THREADS = 200;
/** The first accept() of each thread was waiting before the start, the second was not. */
const TURNS = 2;

kernelTest(`${THREADS} threads that waited in accept() before the start miss nothing`, async () => {
	await using acceptors = await Acceptors.start(THREADS, TURNS);
	await using conntracer = await Conntracer.run("events", ...ROOM);
	const accepted = await acceptors.run();
	const ours = isAt(acceptors.port);
	// connect, accept, and the close of both sides
	const count = 4 * THREADS * TURNS;
	await conntracer.until("all events", (records) => eventsOf(records, ours).length >= count);
	const run = await conntracer.stop();
	const events = eventsOf(run.records, ours);
	expect(events.length).toBe(count);
	const byPort = new Map(accepted.map(({ port, tid }) => [port, tid]));
	expect(new Set(byPort.values()).size).toBe(THREADS);
	const said = named(events, "accept").map(({ remote_port, pid, tid, attribution }) => {
		return { remote_port, pid, tid, attribution };
	});
	const expected = accepted.map(({ port, tid }) => ({
		...{ remote_port: port, pid: acceptors.pid },
		// Who listens is the main thread.
		...(seesAccept()
			? { tid, attribution: "task" }
			: { tid: acceptors.pid, attribution: "listener" }),
	}));
	const inOrder = (a: { remote_port: number | null }, b: { remote_port: number | null }): number =>
		(a.remote_port ?? 0) - (b.remote_port ?? 0);
	expect(said.sort(inOrder)).toEqual(expected.sort(inOrder) as typeof said);
	for (const { direction, remote_port, tid } of named(events, "close"))
		if (direction === "passive") expect(tid).toBe(byPort.get(remote_port ?? 0) ?? null);
	expectNothingLost(run);
});
