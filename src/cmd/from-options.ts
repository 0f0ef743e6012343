/** What several commands make of the options that they share. */

import { compileFilter, type FlowFilter } from "../flow/filter.ts";
import { type PortSpan, parsePortSpans } from "../flow/port-spans.ts";
import type { NameTracerOptions } from "../trace/name-tracer.ts";
import type { Context } from "./command.ts";
import type { Values } from "./option.ts";
import type { filterOptions, formatOptions, nameOptions, tableOptions } from "./option-groups.ts";

export { containerLookup } from "../enrich/cgroups.ts";

const DNS_PORT = "53";

type Rights = Parameters<NonNullable<Context["giveUpRights"]>>[0];

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

/** @throws UsageError */
export const dnsPorts = (values: readonly string[], option: string): PortSpan[] =>
	parsePortSpans(values.length === 0 ? [DNS_PORT] : values, option);

type NameValues = Values<typeof nameOptions> & Pick<Values<typeof filterOptions>, "netns">;

/**
 * What a tracer is told of names; null where they are not wanted.
 *
 * @throws UsageError
 */
export function namesOf({ dns, dnsPort, netns }: NameValues): Partial<NameTracerOptions> | null {
	const ports = dnsPorts(dnsPort, "--dns-port");
	return dns ? { ports, netns } : null;
}

/** For what reads a ring buffer. A refusal matters to who asks why records were lost. */
export function comeFirst({ verbose }: { verbose: boolean }, context: Context): void {
	const refused = context.raisePriority?.() ?? null;
	if (refused !== null && verbose)
		context.stderr.write(`conntracer: it runs at normal priority: ${refused}\n`);
}

/** What they take all the time. */
export const rightsForNames = ({ dns }: Pick<NameValues, "dns">): Rights =>
	dns ? ["CAP_NET_RAW"] : [];

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
