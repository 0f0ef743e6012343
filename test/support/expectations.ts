/** What must hold between the records of a run and the truth. */

import { expect } from "bun:test";
import type { FlowRecord } from "../../src/flow/records.ts";
import { addUp, flowsOf, gapsOf, type Run, summaryOf } from "./conntracer.ts";
import { type Truth, totals } from "./traffic.ts";

/** Nothing lost, and the kernel's own counters agree. */
export function expectNothingLost(run: Run): void {
	const summary = summaryOf(run.records);
	expect(gapsOf(run.records)).toEqual([]);
	expect(Object.entries(summary.lost).filter(([, count]) => count !== 0)).toEqual([]);
	expect(summary.seen).toEqual(summary.kernel);
	expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
}

/**
 * Nothing lost, except that the kernel may have skipped runs of a program that was interrupted by
 * its own kind: rare, said in a gap, and mended when the socket is destroyed.
 */
export function expectNothingLostButRuns(run: Run): void {
	const { lost, seen, kernel } = summaryOf(run.records);
	expect({ ...lost, connection_end: 0, program: 0 }).toEqual({
		connection_table: 0,
		flow_table: 0,
		listener_table: 0,
		netns_table: 0,
		ring_buffer: 0,
		queue: 0,
		udp_table: 0,
		connection_end: 0,
		conntrack_table: 0,
		dns_table: 0,
		dns_message: 0,
		dns_unasked: 0,
		namespace: 0,
		program: 0,
	});
	expect(seen).toEqual(kernel);
	expect(run.exitCode).toBe(0);
}

/** One side of the traffic: each connection, each byte, and whose they were. */
export function expectSide(flows: readonly FlowRecord[], truths: readonly Truth[]): void {
	const truth = totals(truths);
	expect(addUp(flows)).toEqual({
		connections_opened: truth.opened,
		connections_failed: 0,
		connections_closed: truth.opened,
		bytes_sent: truth.bytes_sent,
		bytes_received: truth.bytes_received,
	});
	expect(new Set(flows.map((flow) => flow.netns))).toEqual(
		new Set(truths.map((each) => each.netns)),
	);
	const pids = new Set(truths.map((each) => each.pid));
	expect(flows.filter((flow) => flow.last_pid === null || !pids.has(flow.last_pid))).toEqual([]);
	expect(flows.at(-1)?.connections_open).toBe(0);
}

export function sideOf(
	run: Run,
	process: string,
	direction: FlowRecord["direction"],
): FlowRecord[] {
	return flowsOf(run.records, (flow) => flow.process === process && flow.direction === direction);
}

export function processIs(...names: readonly string[]): (flow: FlowRecord) => boolean {
	return (flow) => flow.process !== null && names.includes(flow.process);
}
