/** What the programs of this machine's runs do and cost, for a moment: `doctor --stats`. */

import { PermissionError } from "../errors.ts";
import type { DoctorStats } from "../flow/doctor.ts";
import type { DoctorOptions } from "./doctor.ts";
import { EventTracer } from "./event-tracer.ts";
import { EVERY_EVENT_NAME } from "./event-types.ts";
import { FlowTracer } from "./flow-tracer.ts";
import { ticks } from "./ticks.ts";

/** A watch reads as often. */
const READ_MS = 1000;

/**
 * Attaches all that a watch and all that events need, both at the same time, for as long as that, or
 * until the signal aborts. Where the kernel does not let us count runs, they are null.
 *
 * @throws LibbpfMissingError, PermissionError, UnsupportedError, LibbpfError
 */
export async function probe(
	options: DoctorOptions,
	durationMs: number,
	signal: AbortSignal,
): Promise<DoctorStats> {
	using flows = counted((bpfStats) => FlowTracer.open({ ...options, bpfStats }));
	const events = { events: EVERY_EVENT_NAME, showsOpen: true };
	using tracer = counted((bpfStats) => EventTracer.open({ ...options, ...events, bpfStats }));
	const startedAt = performance.now();
	// Not before: to open them takes a while.
	const end = AbortSignal.any([signal, AbortSignal.timeout(durationMs)]);
	for await (const _ of ticks(Math.min(READ_MS, durationMs), end)) {
		flows.dumpFlows();
		tracer.dumpEvents();
	}
	return {
		duration_ms: Math.round(performance.now() - startedAt),
		watch: flows.probeStats(),
		events: tracer.probeStats(),
	};
}

function counted<T>(open: (bpfStats: boolean) => T): T {
	try {
		return open(true);
	} catch (error) {
		if (!(error instanceof PermissionError)) throw error;
		return open(false);
	}
}
