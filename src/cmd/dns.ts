/** `conntracer dns`: questions and answers of DNS on the wire, with the asking process. */

import type { DnsBatch } from "../flow/dns-records.ts";
import { compileFilter, type FilterOptions } from "../flow/filter.ts";
import { parsePortSpans } from "../flow/port-spans.ts";
import type { ReadyRecord, SummaryRecord } from "../flow/records.ts";
import { createDnsSink } from "../sink/dns-sink.ts";
import type { DnsSink } from "../sink/sink.ts";
import type { DnsTracerOptions } from "../trace/dns-tracer.ts";
import { type Command, type Context, defineCommand } from "./command.ts";
import { dnsOptions } from "./dns-options.ts";
import { outputOptions } from "./from-options.ts";
import type { Values } from "./option.ts";
import { EXIT_DONE, EXIT_LOST } from "./report-error.ts";

type DnsValues = Values<typeof dnsOptions>;

const DNS_PORT = "53";
const NO_ENDS = "a question of DNS has a client and a server; --port is of either end";

const HELP = {
	name: "dns",
	describe: "DNS questions and answers on the wire, and who asks",
	options: dnsOptions,
	positional: null,
	examples: [
		{ line: "conntracer dns --failed", describe: "what is not found, or not answered" },
		{ line: "conntracer dns --process curl --json", describe: "what one program asks, for jq" },
		{ line: "conntracer dns --port 53,8053 -n 10", describe: "ten, at another port too" },
	],
	missing: {
		...{ local: NO_ENDS, remote: NO_ENDS, "local-port": NO_ENDS, "remote-port": NO_ENDS },
		sort: "records come as they happen",
	},
} as const;

/** What the command needs of a tracer. */
export interface DnsSource extends Disposable {
	readonly ready: ReadyRecord;
	batches(signal: AbortSignal): AsyncIterable<DnsBatch>;
	summary(): SummaryRecord;
}

/** @param open the kernel; tests have theirs */
export function dnsOf(
	open: (options: DnsTracerOptions) => Promise<DnsSource>,
): Command<typeof dnsOptions> {
	return defineCommand({
		...HELP,
		// Whatever can be wrong with the options is found before the kernel is asked.
		async handler(values, context) {
			const { family, transport, netns, hooks } = values;
			const options = {
				...{ ports: parsePortSpans(values.port.length === 0 ? [DNS_PORT] : values.port) },
				...{ family, transport, netns, hooks, whose: whoseOf(values) },
				...{ isFailedOnly: values.failed, timeoutMs: values.timeout },
				...{ maxQuestions: values.maxQuestions, bufferBytes: values.buffer },
				...{ btfPath: values.btf, libbpfPath: values.libbpf, version: context.version },
			};
			const sink = sinkOf(values, context);
			try {
				using tracer = await open(options);
				const { lost } = await present(tracer, sink, values, context);
				const isLossless = Object.values(lost).every((count) => count === 0);
				return values.strict && !isLossless ? EXIT_LOST : EXIT_DONE;
			} finally {
				sink.close();
			}
		},
	});
}

/** The tracer is loaded only when it is needed: other commands have no use for it. */
export const dns = dnsOf(async (options) => {
	const { DnsTracer } = await import("../trace/dns-tracer.ts");
	return DnsTracer.open(options);
});

/** Null where anybody's are wanted. */
function whoseOf(values: DnsValues): Partial<FilterOptions> | null {
	const whose = {
		...{ pids: values.pid, processes: values.process, uids: values.uid },
		...{ cgroupIds: values.cgroup, containers: values.container },
	};
	return compileFilter(whose) === null ? null : whose;
}

async function present(
	tracer: DnsSource,
	sink: DnsSink,
	{ count, duration }: DnsValues,
	{ signal, giveUpRights }: Context,
): Promise<SummaryRecord> {
	const end = duration === null ? signal : AbortSignal.any([signal, AbortSignal.timeout(duration)]);
	let left = count ?? Number.POSITIVE_INFINITY;
	sink.ready(tracer.ready);
	giveUpRights?.(["CAP_NET_RAW"]);
	for await (const { records, gaps } of tracer.batches(end)) {
		sink.questions({ records: records.slice(0, left), gaps });
		left -= records.length;
		if (left <= 0) break;
	}
	const summary = tracer.summary();
	sink.summary(summary);
	return summary;
}

function sinkOf(values: DnsValues, context: Context): DnsSink {
	const options = { ...outputOptions(values, context), summary: values.summary };
	return createDnsSink(options, context.stdout, context.stderr);
}
