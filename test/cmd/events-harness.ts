/** Runs `conntracer events` in this process, with a tracer that plays given batches. */

import type { EventSource } from "../../src/cmd/command.ts";
import { runCli } from "../../src/cmd/run.ts";
import type { EventSlice } from "../../src/flow/event-slice.ts";
import type { ProbeProgram } from "../../src/flow/probe-stats.ts";
import type { LossStage, ReadyRecord, SummaryRecord } from "../../src/flow/records.ts";
import type { EventTracerOptions } from "../../src/trace/event-tracer.ts";
import { eventBatch } from "../sink/event-fixtures.ts";
import { MemoryOutput, SUMMARY } from "../sink/fixtures.ts";

/** Plays `script`, then waits for the signal if `waits`; `rest` comes last. */
export class ScriptedEvents implements EventSource {
	readonly ready: ReadyRecord = {
		...{ type: "ready", time: SUMMARY.time, version: "0", kernel: "6.1.0" },
		...{ libbpf: "1.1 (system)", hooks: {}, programs: [], open_connections: 0 },
	};
	readonly script: readonly EventSlice[];
	readonly rest: EventSlice;
	waits = false;
	lost: Partial<Record<LossStage, number>> = {};
	closed = 0;
	/** Batches that were asked for. */
	taken = 0;
	beforeBatch: (index: number) => void = () => {};

	constructor(script: readonly EventSlice[] = [], rest: EventSlice = eventBatch([])) {
		this.script = script;
		this.rest = rest;
	}

	async *slices(signal: AbortSignal): AsyncGenerator<EventSlice> {
		for (const [index, one] of this.script.entries()) {
			this.beforeBatch(index);
			if (signal.aborted) break;
			this.taken++;
			yield one;
		}
		if (this.waits && !signal.aborted) {
			await new Promise((resolve) => signal.addEventListener("abort", resolve));
		}
		this.taken++;
		yield this.rest;
	}

	summary(): SummaryRecord {
		return { ...SUMMARY, lost: { ...SUMMARY.lost, ...this.lost } };
	}

	programStats(): readonly ProbeProgram[] {
		return [];
	}

	[Symbol.dispose](): void {
		this.closed++;
	}
}

export interface EventsRun {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
	/** What the tracer was opened with; null where it was not. */
	readonly opened: EventTracerOptions | null;
}

interface World {
	readonly open?: () => EventSource;
	readonly env?: Readonly<Record<string, string>>;
	readonly signal?: AbortSignal;
}

export async function runEvents(argv: readonly string[], world: World = {}): Promise<EventsRun> {
	const stdout = new MemoryOutput(false);
	const stderr = new MemoryOutput(false);
	let opened: EventTracerOptions | null = null;
	const code = await runCli(["events", ...argv], {
		...{ stdout, stderr, env: world.env ?? {}, version: "1.2.3" },
		signal: world.signal ?? new AbortController().signal,
		openFlowTracer() {
			throw new Error("events does not show flows");
		},
		openEventTracer(options) {
			opened = options;
			return world.open?.() ?? new ScriptedEvents();
		},
	});
	return { code, stdout: stdout.text, stderr: stderr.text, opened };
}
