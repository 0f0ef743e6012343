/** The batches of a run that ends after a number of intervals, after a time, or when told to. */

import { hasMoved } from "../flow/activity.ts";
import type { FlowBatch, FlowRecord } from "../flow/records.ts";
import type { FlowSource } from "./command.ts";

export interface Limits {
	/** Intervals; null: no end. */
	readonly count: number | null;
	/** Milliseconds from now; null: no end. */
	readonly duration: number | null;
	readonly signal: AbortSignal;
	/** Which flows the rest of an interval that was cut short has; those in which anything happened. */
	readonly rest?: (flows: readonly FlowRecord[]) => readonly FlowRecord[];
}

/**
 * Every batch of the tracer. The rest of an interval that was cut short has the flows only in which
 * something happened, and is left out where that is none: on a terminal it would wipe out the last
 * whole interval.
 */
export async function* intervals(
	tracer: FlowSource,
	{ count, duration, signal, rest = onlyMoved }: Limits,
): AsyncGenerator<FlowBatch, void, undefined> {
	const stop = new AbortController();
	const end = AbortSignal.any([signal, stop.signal]);
	const timer = duration === null ? null : setTimeout(() => stop.abort(), duration);
	try {
		for await (const batch of tracer.batches(end, count ?? undefined)) {
			const shown = end.aborted ? { ...batch, flows: rest(batch.flows) } : batch;
			if (!end.aborted || shown.flows.length > 0 || shown.gaps.length > 0) yield shown;
		}
	} finally {
		if (timer !== null) clearTimeout(timer);
	}
}

export function onlyMoved(flows: readonly FlowRecord[]): readonly FlowRecord[] {
	return flows.filter(hasMoved);
}
