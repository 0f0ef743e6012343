/** What of the records of two runs can be compared: all that time and the kernel do not choose anew. */

import type { EventRecord, FlowRecord } from "../../src/flow/records.ts";
import { addUp } from "./conntracer.ts";

/** The port that the kernel has given to a client, which is another one each time. */
const EPHEMERAL = "ephemeral";
/** What time decides; docs/output.md names it. Whether it is known must agree. */
const OF_TIME = ["opened", "duration_ms", "connect_latency_us"] as const;

function comparable(event: EventRecord): Record<string, unknown> {
	const { attribution, time, id, cpu, segments_sent, segments_received, ...rest } = event;
	const { segments_retransmitted, rtt_us, rtt_var_us, rtt_min_us, ...compared } = rest;
	const isActive = event.direction === "active";
	return {
		...compared,
		...Object.fromEntries(OF_TIME.map((name) => [name, event[name] === null ? null : "known"])),
		local_port: isActive ? EPHEMERAL : event.local_port,
		remote_port: isActive || event.remote_port === null ? event.remote_port : EPHEMERAL,
	};
}

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** Of each socket what happened to it, in order. */
export function socketsOf(events: readonly EventRecord[]): unknown[][] {
	const sockets = new Map<string, unknown[]>();
	for (const event of events) {
		const before = sockets.get(event.id) ?? [];
		sockets.set(event.id, [...before, comparable(event)]);
	}
	return [...sockets.values()].sort(byText);
}

/** All rows of a flow in one. */
export function totalsOf(flows: readonly FlowRecord[]): unknown[] {
	const rows = new Map<string, FlowRecord[]>();
	for (const flow of flows) {
		const { family, direction, local_address, remote_address, listen_port, process } = flow;
		const key = [family, direction, local_address, remote_address, listen_port, process].join();
		rows.set(key, [...(rows.get(key) ?? []), flow]);
	}
	const sums = [...rows.values()].map((all) => {
		const last = all.at(-1);
		if (last === undefined) throw new Error("a flow without rows");
		const { time, interval_ms, rtt_us, segments_retransmitted, ...compared } = last;
		return { ...compared, ...addUp(all) };
	});
	return sums.sort(byText);
}
