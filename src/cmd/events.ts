/** `conntracer events`: one record for each thing that happens to a connection. */

import { UsageError } from "../errors.ts";
import type { EventName, SummaryRecord } from "../flow/records.ts";
import { isFailure } from "../sink/event-columns.ts";
import { createEventSink } from "../sink/event-sink.ts";
import type { LocalNames } from "../sink/local-names.ts";
import { programsText } from "../sink/probe-stats.ts";
import type { EventSink } from "../sink/sink.ts";
import { type Context, defineCommand, type EventSource } from "./command.ts";
import { eventsOptions } from "./events-options.ts";
import { comeFirst, filterOf, namesOf, outputOptions, rightsForNames } from "./from-options.ts";
import { hostNames, warnOfProcesses } from "./host-names.ts";
import type { Values } from "./option.ts";
import { EXIT_DONE, EXIT_LOST } from "./report-error.ts";

type EventsValues = Values<typeof eventsOptions>;

/** Those of them that --failed may leave. */
const FAILURES: readonly EventName[] = ["connect_failed", "close"];

export const events = defineCommand({
	name: "events",
	describe: "each thing that happens to a connection",
	options: eventsOptions,
	positional: null,
	examples: [
		{ line: "conntracer events -p 1234 --json", describe: "one process, for jq" },
		{ line: "conntracer events --failed -d 1m", describe: "what fails in a minute" },
		{ line: "conntracer events --events accept -n 10", describe: "ten accepted connections" },
	],
	missing: { sort: "events come in the order of time" },
	// Whatever can be wrong with the options is found before the kernel is asked.
	async handler(values, context) {
		if (values.transport === "udp")
			throw new UsageError(
				"--transport udp: events are of TCP connections, UDP has none",
				"watch, top and list show UDP",
			);
		const names = hostNames();
		const options = {
			events: wantedEvents(values),
			filter: filterOf(values),
			maxConnections: values.maxConnections,
			bufferBytes: values.buffer,
			showsOpen: false,
			dns: namesOf(values),
			btfPath: values.btf,
			libbpfPath: values.libbpf,
			hooks: values.hooks,
			bpfStats: values.verbose,
			version: context.version,
			containerOf: names.containerOf,
		};
		const sink = sinkOf(values, context, names);
		try {
			using tracer = context.openEventTracer(options);
			warnOfProcesses(context);
			const { lost } = await present(tracer, sink, values, context);
			if (values.verbose) context.stderr.write(programsText(tracer.programStats()));
			const isLossless = Object.values(lost).every((count) => count === 0);
			return values.strict && !isLossless ? EXIT_LOST : EXIT_DONE;
		} finally {
			sink.close();
		}
	},
});

/** What nobody will see is not asked of the kernel. */
function wantedEvents({ events: chosen, failed }: EventsValues): readonly EventName[] {
	if (!failed) return chosen;
	const wanted = chosen.filter((name) => FAILURES.includes(name));
	if (wanted.length > 0) return wanted;
	throw new UsageError(
		`--failed leaves nothing of --events ${chosen.join(",")}`,
		`add one of ${FAILURES.join(", ")}`,
	);
}

async function present(
	tracer: EventSource,
	sink: EventSink,
	values: EventsValues,
	context: Context,
): Promise<SummaryRecord> {
	const { count, duration, failed } = values;
	const { signal } = context;
	const end = duration === null ? signal : AbortSignal.any([signal, AbortSignal.timeout(duration)]);
	let left = count ?? Number.POSITIVE_INFINITY;
	sink.ready(tracer.ready);
	comeFirst(values, context);
	context.giveUpRights?.(rightsForNames(values));
	for await (const slice of tracer.slices(end)) {
		if (failed || count !== null) {
			const shown = failed ? slice.events.filter(isFailure) : slice.events;
			sink.events({ events: shown.slice(0, left), gaps: slice.gaps, raw: null });
			left -= shown.length;
			if (left <= 0) break;
		} else sink.events(slice);
	}
	const summary = tracer.summary();
	sink.summary(summary);
	return summary;
}

function sinkOf(values: EventsValues, context: Context, names: LocalNames): EventSink {
	return createEventSink(
		{
			...outputOptions(values, context),
			summary: values.summary,
			...{ names, dns: values.dns },
		},
		context.stdout,
		context.stderr,
	);
}
