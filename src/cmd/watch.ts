/** `conntracer watch`: live flows, one row per flow and interval. */

import type { FlowFilter } from "../flow/filter.ts";
import type { FlowBatch, SummaryRecord } from "../flow/records.ts";
import { createSink } from "../sink/create.ts";
import type { Sink } from "../sink/sink.ts";
import type { FlowTracerOptions } from "../trace/flow-tracer.ts";
import { type Context, defineCommand, type FlowSource } from "./command.ts";
import { containerLookup, filterOf, usesColor } from "./from-options.ts";
import { intervals } from "./intervals.ts";
import type { Values } from "./option.ts";
import { EXIT_DONE, EXIT_LOST } from "./report-error.ts";
import { watchOptions } from "./watch-options.ts";

type WatchValues = Values<typeof watchOptions>;

export const watch = defineCommand({
	name: "watch",
	describe: "live flows, one row per flow and interval",
	options: watchOptions,
	positional: null,
	examples: [
		{ line: "conntracer watch -i 5s --wide", describe: "every five seconds, nothing cut" },
		{ line: "conntracer watch -p 1234 --json", describe: "one process, for jq" },
		{ line: "conntracer watch --remote '!10.0.0.0/8'", describe: "what leaves 10.0.0.0/8" },
		{ line: "conntracer watch --failed -d 1m", describe: "what fails in a minute" },
	],
	// Whatever can be wrong with the options is found before the kernel is asked.
	async handler(values, context) {
		const filter = filterOf(values);
		const options = tracerOptions(values, filter, context.version);
		const sink = sinkOf(values, context);
		try {
			using tracer = context.openFlowTracer(options);
			const { lost } = await present(tracer, sink, values, context.signal);
			const isLossless = Object.values(lost).every((count) => count === 0);
			return values.strict && !isLossless ? EXIT_LOST : EXIT_DONE;
		} finally {
			sink.close();
		}
	},
});

async function present(
	tracer: FlowSource,
	sink: Sink,
	values: WatchValues,
	signal: AbortSignal,
): Promise<SummaryRecord> {
	sink.ready(tracer.ready);
	for await (const batch of intervals(tracer, { ...values, signal })) {
		sink.flows(values.failed ? onlyFailed(batch) : batch);
	}
	const summary = tracer.summary();
	sink.summary(summary);
	return summary;
}

function onlyFailed(batch: FlowBatch): FlowBatch {
	return { ...batch, flows: batch.flows.filter((flow) => flow.connections_failed > 0) };
}

function tracerOptions(
	values: WatchValues,
	filter: FlowFilter | null,
	version: string,
): FlowTracerOptions {
	return {
		intervalMs: values.interval,
		aggregate: values.aggregate,
		filter,
		maxConnections: values.maxConnections,
		maxFlows: values.maxFlows,
		transport: values.transport,
		udpTimeoutMs: values.udpTimeout,
		udpStreamTimeoutMs: values.udpStreamTimeout,
		btfPath: values.btf,
		libbpfPath: values.libbpf,
		hooks: values.hooks,
		bpfStats: values.verbose,
		version,
		containerOf: containerLookup(),
	};
}

function sinkOf(values: WatchValues, context: Context): Sink {
	return createSink(
		{
			format: values.output,
			columns: values.columns.length === 0 ? null : values.columns,
			sort: values.sort,
			header: !values.noHeader,
			wide: values.wide,
			color: usesColor(values.noColor, context),
			summary: values.summary,
			aggregate: values.aggregate,
		},
		context.stdout,
		context.stderr,
	);
}
