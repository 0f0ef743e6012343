/** `conntracer watch`: live flows, one row per flow and interval. */

import type { FlowBatch } from "../flow/records.ts";
import { createSink } from "../sink/create.ts";
import { defineCommand } from "./command.ts";
import { flowTracerOptions, rowSinkOptions, runFlows } from "./flow-run.ts";
import { filterOf } from "./from-options.ts";
import { hostNames } from "./host-names.ts";
import { intervals } from "./intervals.ts";
import { watchOptions } from "./watch-options.ts";

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
	handler(values, context) {
		const { aggregate, failed, strict } = values;
		const key = { aggregate, byOwner: false };
		const names = hostNames();
		const { containerOf } = names;
		const options = flowTracerOptions(values, filterOf(values), key, context.version, containerOf);
		const sinkOptions = { ...rowSinkOptions(values, context, names), aggregate };
		const sink = createSink(sinkOptions, context.stdout, context.stderr);
		return runFlows(
			options,
			sink,
			async (tracer) => {
				for await (const batch of intervals(tracer, { ...values, signal: context.signal }))
					sink.flows(failed ? onlyFailed(batch) : batch);
			},
			{ context, strict },
		);
	},
});

function onlyFailed(batch: FlowBatch): FlowBatch {
	return { ...batch, flows: batch.flows.filter((flow) => flow.connections_failed > 0) };
}
