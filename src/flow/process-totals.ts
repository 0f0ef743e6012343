/** Flows added up by process. They are of a tracer that keeps owners apart, so `last_pid` is exact. */

import { hasMoved, perSecond } from "./activity.ts";
import { plus } from "./connection-counters.ts";
import type { FlowBatch, FlowRecord, ProcessRecord } from "./records.ts";

interface Total {
	/** The flow in which most moved: what the process is called. */
	main: FlowRecord;
	netns: number | null;
	opened: number;
	failed: number;
	closed: number;
	open: number;
	sent: number | null;
	received: number | null;
	retransmitted: number;
	rttSum: number;
	rttWeight: number;
}

/**
 * One record for each process. Where pids are not known, those of one name, cgroup and user are one.
 *
 * @param batch of a tracer that was opened with `byOwner`
 */
export function processTotals({ time, interval_ms, flows }: FlowBatch): ProcessRecord[] {
	const totals = new Map<number | string, Total>();
	for (const flow of flows) {
		const key = keyOf(flow);
		let total = totals.get(key);
		if (total === undefined) {
			total = emptyTotal(flow);
			totals.set(key, total);
		}
		add(total, flow);
	}
	return Array.from(totals.values(), (total) => recordOf(total, time, interval_ms));
}

/** All flows of the processes to which something happened. */
export function flowsOfMoved(flows: readonly FlowRecord[]): FlowRecord[] {
	const moved = new Set<number | string>();
	for (const flow of flows) if (hasMoved(flow)) moved.add(keyOf(flow));
	return flows.filter((flow) => moved.has(keyOf(flow)));
}

function keyOf({ last_pid, process, uid, cgroup_id, container_id }: FlowRecord): number | string {
	return last_pid ?? JSON.stringify([process, uid, cgroup_id, container_id]);
}

function emptyTotal(flow: FlowRecord): Total {
	return {
		...{ main: flow, netns: flow.netns, opened: 0, failed: 0, closed: 0, open: 0 },
		...{ sent: 0, received: 0, retransmitted: 0, rttSum: 0, rttWeight: 0 },
	};
}

function add(total: Total, flow: FlowRecord): void {
	if (isMore(flow, total.main)) total.main = flow;
	if (flow.netns !== total.netns) total.netns = null;
	total.opened += flow.connections_opened;
	total.failed += flow.connections_failed;
	total.closed += flow.connections_closed;
	total.open += flow.connections_open;
	total.sent = plus(total.sent, flow.bytes_sent);
	total.received = plus(total.received, flow.bytes_received);
	total.retransmitted += flow.segments_retransmitted;
	if (flow.rtt_us === null) return;
	const weight = Math.max(1, flow.connections_open + flow.connections_closed);
	total.rttSum += flow.rtt_us * weight;
	total.rttWeight += weight;
}

function isMore(a: FlowRecord, b: FlowRecord): boolean {
	const difference = bytesOf(a) - bytesOf(b);
	return difference > 0 || (difference === 0 && a.connections_open > b.connections_open);
}

const bytesOf = ({ bytes_sent, bytes_received }: FlowRecord): number =>
	(bytes_sent ?? 0) + (bytes_received ?? 0);

function recordOf(total: Total, time: string, interval_ms: number): ProcessRecord {
	const { last_pid, process, uid, cgroup_id, container_id } = total.main;
	return {
		type: "process",
		time,
		interval_ms,
		pid: last_pid,
		process,
		uid,
		netns: total.netns,
		cgroup_id,
		container_id,
		connections_opened: total.opened,
		connections_failed: total.failed,
		connections_closed: total.closed,
		connections_open: total.open,
		bytes_sent: total.sent,
		bytes_received: total.received,
		sent_bytes_per_second: perSecond(total.sent, interval_ms),
		received_bytes_per_second: perSecond(total.received, interval_ms),
		segments_retransmitted: total.retransmitted,
		rtt_us: total.rttWeight === 0 ? null : Math.round(total.rttSum / total.rttWeight),
	};
}
