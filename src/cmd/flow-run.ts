/** What commands that show flows once an interval have in common. */

import type { FlowFilter } from "../flow/filter.ts";
import type { RowSinkOptions } from "../sink/create.ts";
import type { LocalNames } from "../sink/local-names.ts";
import { programsText } from "../sink/probe-stats.ts";
import type { Sink } from "../sink/sink.ts";
import type { FlowTracerOptions } from "../trace/flow-tracer.ts";
import type { Context, FlowSource } from "./command.ts";
import type { flowOptions } from "./flow-options.ts";
import { namesOf, outputOptions, rightsForNames } from "./from-options.ts";
import { type HostNames, warnOfProcesses } from "./host-names.ts";
import type { Values } from "./option.ts";
import { EXIT_DONE, EXIT_LOST } from "./report-error.ts";

type FlowValues = Values<ReturnType<typeof flowOptions>>;

/** What the options leave to the command. */
type Key = Pick<FlowTracerOptions, "aggregate" | "byOwner">;

export function flowTracerOptions(
	values: FlowValues,
	filter: FlowFilter | null,
	key: Key,
	version: string,
	containerOf: HostNames["containerOf"],
): FlowTracerOptions {
	return {
		...key,
		intervalMs: values.interval,
		filter,
		maxConnections: values.maxConnections,
		maxFlows: values.maxFlows,
		transport: values.transport,
		udpTimeoutMs: values.udpTimeout,
		udpStreamTimeoutMs: values.udpStreamTimeout,
		dns: namesOf(values),
		btfPath: values.btf,
		libbpfPath: values.libbpf,
		hooks: values.hooks,
		bpfStats: values.verbose,
		version,
		containerOf,
	};
}

export function rowSinkOptions(
	values: FlowValues,
	context: Context,
	names: LocalNames,
): RowSinkOptions {
	return {
		...outputOptions(values, context),
		sort: values.sort,
		summary: values.summary,
		...{ names, dns: values.dns },
	};
}

/**
 * Opens a tracer, lets `show` send its batches to the sink, and closes both on every way out.
 *
 * @returns the exit code
 */
export async function runFlows(
	tracerOptions: FlowTracerOptions,
	sink: Sink,
	show: (tracer: FlowSource) => Promise<void>,
	{ context, strict }: { readonly context: Context; readonly strict: boolean },
): Promise<number> {
	let verbose = "";
	try {
		using tracer = context.openFlowTracer(tracerOptions);
		warnOfProcesses(context);
		sink.ready(tracer.ready);
		context.giveUpRights?.(rightsForNames({ dns: tracerOptions.dns != null }));
		await show(tracer);
		const summary = tracer.summary();
		sink.summary(summary);
		if (tracerOptions.bpfStats) verbose = programsText(tracer.programStats());
		const isLossless = Object.values(summary.lost).every((count) => count === 0);
		return strict && !isLossless ? EXIT_LOST : EXIT_DONE;
	} finally {
		sink.close();
		context.stderr.write(verbose);
	}
}
