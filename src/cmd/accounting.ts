/** `conntracer accounting`: the flows of conntrack, with what they moved. */

import {
	type AccountingFilterOptions,
	compileAccountingFilter,
} from "../flow/accounting-filter.ts";
import { compileFilter } from "../flow/filter.ts";
import type { AccountingRecord } from "../flow/records.ts";
import { createAccountingSink } from "../sink/accounting-sink.ts";
import type { AccountingSink } from "../sink/sink.ts";
import type { AccountingTracerOptions } from "../trace/accounting-tracer.ts";
import { accountingOptions } from "./accounting-options.ts";
import { type Command, type Context, defineCommand } from "./command.ts";
import { outputOptions } from "./from-options.ts";
import { warnOfProcesses } from "./host-names.ts";
import type { Values } from "./option.ts";
import { type RecordSource, showRecords, whoseOf } from "./record-run.ts";

type AccountingValues = Values<typeof accountingOptions>;

const NO_ENDS = "a flow of conntrack has a source and a destination; --port is of either end";

const HELP = {
	name: "accounting",
	describe: "what conntrack counts of each flow: updates, and its end",
	options: accountingOptions,
	positional: null,
	examples: [
		{ line: "conntracer accounting --json", describe: "for jq, or a database" },
		{ line: "conntracer accounting --rate 0=1s,1m=10s", describe: "each second, then less" },
		{ line: "conntracer accounting --process nginx", describe: "flows of its sockets" },
		{ line: "conntracer accounting --transport icmp -n 10", describe: "ten records of ICMP" },
	],
	missing: {
		...{ local: NO_ENDS, remote: NO_ENDS, "local-port": NO_ENDS, "remote-port": NO_ENDS },
		sort: "records come as they happen",
	},
} as const;

/** What the command needs of a tracer. */
export interface AccountingSource extends RecordSource<AccountingRecord> {
	/** What will be missing, for people. */
	readonly warnings: readonly string[];
}

/** @param open the kernel; tests have theirs */
export function accountingOf(
	open: (options: AccountingTracerOptions) => Promise<AccountingSource>,
): Command<typeof accountingOptions> {
	return defineCommand({
		...HELP,
		// Whatever can be wrong with the options is found before the kernel is asked.
		async handler(values, context) {
			const options = {
				rate: values.rate,
				filter: compileAccountingFilter(of(values)),
				whose: compileFilter(whoseOf(values)),
				maxFlows: values.maxFlows,
				bufferBytes: values.buffer,
				sysctls: values.sysctl,
				...{ hooks: values.hooks, btfPath: values.btf, libbpfPath: values.libbpf },
				version: context.version,
			};
			const sink = sinkOf(values, context);
			try {
				using tracer = await open(options);
				warnOfProcesses(context);
				for (const warning of tracer.warnings) context.stderr.write(`conntracer: ${warning}\n`);
				const shown = { ...sink, show: sink.accounts };
				return await showRecords(tracer, shown, values, context, ["CAP_NET_ADMIN"]);
			} finally {
				sink.close();
			}
		},
	});
}

/** The tracer is loaded only when it is needed: other commands have no use for it. */
export const accounting = accountingOf(async (options) => {
	const { AccountingTracer } = await import("../trace/accounting-tracer.ts");
	return AccountingTracer.open(options);
});

const of = ({ netns, family, transport, port }: AccountingValues): AccountingFilterOptions => ({
	...{ netns, family, transport, port },
});

function sinkOf(values: AccountingValues, context: Context): AccountingSink {
	return createAccountingSink(
		{
			...outputOptions(values, context),
			summary: values.summary,
		},
		context.stdout,
		context.stderr,
	);
}
