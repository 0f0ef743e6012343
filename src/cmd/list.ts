/** `conntracer list`: the connections that are open now, with their owners. */

import type { ConnectionRecord } from "../flow/connection.ts";
import { type ConnectionListWriter, connectionList } from "../sink/connection-list.ts";
import type { LocalNames } from "../sink/local-names.ts";
import type { ConnectionListOptions } from "../trace/connection-list.ts";
import { type Command, type Context, defineCommand } from "./command.ts";
import { filterOf, outputOptions } from "./from-options.ts";
import { hostNames, warnOfProcesses } from "./host-names.ts";
import { listOptions } from "./list-options.ts";
import type { Values } from "./option.ts";
import { EXIT_DONE } from "./report-error.ts";

const NO_NAMES = "a list is over before it could hear what a name is; watch and events have --dns";

type ListValues = Values<typeof listOptions>;

/** Where the connections come from. */
export type ConnectionSource = (
	options: ConnectionListOptions,
) => Iterable<ConnectionRecord> | Promise<Iterable<ConnectionRecord>>;

/** @param source the kernel; tests have theirs */
export function listOf(source: ConnectionSource): Command<typeof listOptions> {
	return defineCommand({
		name: "list",
		describe: "the connections open now, with owner and totals",
		options: listOptions,
		positional: null,
		examples: [
			{ line: "conntracer list --sort sent", describe: "who has sent most comes first" },
			{ line: "conntracer list --listening -p 1234", describe: "all that one process has" },
			{ line: "conntracer list --port 443 --json", describe: "for jq" },
		],
		missing: { dns: NO_NAMES, "dns-port": NO_NAMES },
		async handler(values, context) {
			const filter = filterOf(values);
			const names = hostNames();
			const write = writerOf(values, context, names);
			const connections = await source({
				transport: values.transport,
				listening: values.listening,
				filter,
				btfPath: values.btf,
				libbpfPath: values.libbpf,
				containerOf: names.containerOf,
			});
			warnOfProcesses(context);
			write(connections, context.signal);
			return EXIT_DONE;
		},
	});
}

/** The tracer is loaded only when it is needed: other commands have no use for it. */
export const list = listOf(async (options) => {
	const { listConnections } = await import("../trace/connection-list.ts");
	return listConnections(options);
});

function writerOf(values: ListValues, context: Context, names: LocalNames): ConnectionListWriter {
	return connectionList(
		{
			...outputOptions(values, context),
			sort: values.sort,
			names,
		},
		context.stdout,
	);
}
