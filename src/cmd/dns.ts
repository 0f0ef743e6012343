/** `conntracer dns`: questions and answers of DNS on the wire, with the asking process. */

import type { DnsRecord } from "../flow/dns-records.ts";
import { compileFilter, type FilterOptions } from "../flow/filter.ts";
import { createDnsSink } from "../sink/dns-sink.ts";
import type { DnsSink } from "../sink/sink.ts";
import type { DnsTracerOptions } from "../trace/dns-tracer.ts";
import { type Command, type Context, defineCommand } from "./command.ts";
import { dnsOptions } from "./dns-options.ts";
import { dnsPorts, outputOptions } from "./from-options.ts";
import { warnOfProcesses } from "./host-names.ts";
import type { Values } from "./option.ts";
import { type RecordSource, showRecords, whoseOf } from "./record-run.ts";

type DnsValues = Values<typeof dnsOptions>;

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

/** @param open the kernel; tests have theirs */
export function dnsOf(
	open: (options: DnsTracerOptions) => Promise<RecordSource<DnsRecord>>,
): Command<typeof dnsOptions> {
	return defineCommand({
		...HELP,
		// Whatever can be wrong with the options is found before the kernel is asked.
		async handler(values, context) {
			const { family, transport, netns, hooks } = values;
			const options = {
				...{ ports: dnsPorts(values.port, "--port") },
				...{ family, transport, netns, hooks, whose: wantedOf(values) },
				...{ isFailedOnly: values.failed, timeoutMs: values.timeout },
				...{ maxQuestions: values.maxQuestions, bufferBytes: values.buffer },
				...{ btfPath: values.btf, libbpfPath: values.libbpf, version: context.version },
			};
			const sink = sinkOf(values, context);
			try {
				using tracer = await open(options);
				warnOfProcesses(context);
				const shown = { ...sink, show: sink.questions };
				return await showRecords(tracer, shown, values, context, ["CAP_NET_RAW"]);
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
function wantedOf(values: DnsValues): Partial<FilterOptions> | null {
	const whose = whoseOf(values);
	return compileFilter(whose) === null ? null : whose;
}

function sinkOf(values: DnsValues, context: Context): DnsSink {
	const options = { ...outputOptions(values, context), summary: values.summary };
	return createDnsSink(options, context.stdout, context.stderr);
}
