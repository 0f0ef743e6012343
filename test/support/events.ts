/** What `conntracer events` says of the connections of one port. */

import type { EventRecord } from "../../src/flow/records.ts";
import { Conntracer, eventsOf } from "./conntracer.ts";

/** For what others do on the machine meanwhile. */
export const ROOM = ["--buffer", "64m"] as const;

/** Of connections to a listening port. An ephemeral port of others can have the same number. */
export function isAt(port: number): (event: EventRecord) => boolean {
	return ({ direction, local_port, remote_port }) =>
		(direction === "active" ? remote_port : local_port) === port;
}

/** `connect 1234 task`: what happened, by whom, and how that is known. */
export function briefly({ event, pid, attribution }: EventRecord): string {
	return `${event} ${pid} ${attribution}`;
}

/**
 * Runs `work`, which returns the port that it used, until there are so many events there; all of
 * them, in their order.
 */
export async function eventsDuring(
	work: () => Promise<number>,
	count: number,
	...args: readonly string[]
): Promise<EventRecord[]> {
	await using conntracer = await Conntracer.run("events", ...ROOM, ...args);
	const port = await work();
	const ours = isAt(port);
	await conntracer.until(`${count} events`, (records) => eventsOf(records, ours).length >= count);
	return eventsOf((await conntracer.stop()).records, ours);
}

export function named(events: readonly EventRecord[], name: EventRecord["event"]): EventRecord[] {
	return events.filter(({ event }) => event === name);
}
