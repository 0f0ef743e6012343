/** The batches of a run that ends after a number of intervals, after a time, or when told to. */

import type { FlowBatch, FlowRecord } from "../flow/records.ts";
import type { FlowSource } from "./command.ts";

export interface Limits {
	/** Intervals; null: no end. */
	readonly count: number | null;
	/** Milliseconds from now; null: no end. */
	readonly duration: number | null;
	readonly signal: AbortSignal;
}

/**
 * Every batch of the tracer. The rest of an interval that was cut short has the flows only in which
 * something happened, and is left out where that is none: on a terminal it would wipe out the last
 * whole interval.
 */
export async function* intervals(
	tracer: FlowSource,
	{ count, duration, signal }: Limits,
): AsyncGenerator<FlowBatch, void, undefined> {
	const stop = new AbortController();
	const end = AbortSignal.any([signal, stop.signal]);
	const timer = duration === null ? null : setTimeout(() => stop.abort(), duration);
	try {
		for await (const batch of tracer.batches(end, count ?? undefined)) {
			const shown = end.aborted ? { ...batch, flows: batch.flows.filter(hasMoved) } : batch;
			if (!end.aborted || shown.flows.length > 0 || shown.gaps.length > 0) yield shown;
		}
	} finally {
		if (timer !== null) clearTimeout(timer);
	}
}

function hasMoved(flow: FlowRecord): boolean {
	return (
		flow.connections_opened > 0 ||
		flow.connections_failed > 0 ||
		flow.connections_closed > 0 ||
		flow.bytes_sent > 0 ||
		flow.bytes_received > 0 ||
		flow.segments_retransmitted > 0
	);
}
