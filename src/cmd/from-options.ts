/** What several commands make of the options that they share. */

import { compileFilter, type FlowFilter } from "../flow/filter.ts";
import type { Context } from "./command.ts";
import type { Values } from "./option.ts";
import type { filterOptions, formatOptions, tableOptions } from "./option-groups.ts";

export { containerLookup } from "../enrich/cgroups.ts";

/**
 * Null where nothing is filtered.
 *
 * @throws UsageError
 */
export function filterOf(values: Values<typeof filterOptions>): FlowFilter | null {
	return compileFilter({
		pids: values.pid,
		uids: values.uid,
		processes: values.process,
		cgroupIds: values.cgroup,
		containers: values.container,
		netns: values.netns,
		local: values.local,
		remote: values.remote,
		localPorts: values.localPort,
		remotePorts: values.remotePort,
		ports: values.port,
		excludeLocal: values.excludeLocal,
		excludeRemote: values.excludeRemote,
		family: values.family,
		transport: values.transport,
		direction: values.direction,
	});
}

export function usesColor(noColor: boolean, { stdout, env }: Context): boolean {
	const { NO_COLOR = "", TERM } = env;
	return stdout.isTerminal && !noColor && NO_COLOR === "" && TERM !== "dumb";
}

type OutputValues = Values<typeof formatOptions> &
	Pick<Values<typeof tableOptions>, "noHeader" | "wide" | "noColor">;

/** What every sink takes. */
export const outputOptions = (values: OutputValues, context: Context) => ({
	format: values.output,
	columns: values.columns.length === 0 ? null : values.columns,
	header: !values.noHeader,
	wide: values.wide,
	color: usesColor(values.noColor, context),
});
