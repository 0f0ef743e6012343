/** What SIGHUP changes in a service that runs: docs/adr/0031. */

import type { SwitchableFilter } from "../flow/switchable-filter.ts";
import type { Loopback } from "../serve/listeners.ts";
import { filterOf } from "./from-options.ts";
import { longName } from "./option.ts";
import { filterOptions } from "./option-groups.ts";
import type { ServeLog } from "./serve-log.ts";
import { loopbackOf, type ServeValues, transportOf } from "./serve-values.ts";

type Name = keyof ServeValues;

/** What of a running service can change. */
export interface Running {
	readonly log: ServeLog;
	readonly filter: SwitchableFilter;
	/** What it listens with; the token is taken from there for each request. */
	readonly loopback: { token: string } | null;
	readonly tracer: { setMostClients(most: number): void };
}

/** Besides filters. What it cannot be told without new hooks, sockets or rights takes a restart. */
const AT_ONCE: ReadonlySet<Name> = new Set<Name>(["logFormat", "maxClients", "tokenFile"]);
/** Each of these is also in what it is short for. */
const SHORTHANDS: ReadonlySet<string> = new Set(["ipv4", "ipv6"]);

/**
 * All or nothing is read; of what is read, what can change does.
 *
 * @param held what is in force
 * @returns what is in force then
 */
export function reload(held: ServeValues, read: () => ServeValues, running: Running): ServeValues {
	const found = attempt(read, held, running.log);
	if (found === null) return held;
	const { values, filter, loopback } = found;
	const changed = changedNames(held, values);
	const canFilter = running.filter.canBe(filter);
	const applied = changed.filter((name) => AT_ONCE.has(name) || (isFilter(name) && canFilter));
	const restart = changed.filter((name) => !applied.includes(name));
	if (canFilter) running.filter.switchTo(filter);
	running.tracer.setMostClients(values.maxClients);
	running.log.format = values.logFormat;
	const isTokenNew = setToken(running.loopback, loopback);
	const names = applied.filter((name) => name !== "tokenFile").map(optionName);
	running.log.reloaded(isTokenNew ? [...names, "--token-file"] : names, restart.map(optionName));
	return { ...values, ...picked(held, restart) };
}

interface Found {
	readonly values: ServeValues;
	readonly filter: ReturnType<typeof filterOf>;
	readonly loopback: Loopback | null;
}

/** Null, and a line of the log, where anything is wrong. */
function attempt(read: () => ServeValues, { transport }: ServeValues, log: ServeLog): Found | null {
	try {
		const values = read();
		transportOf(values);
		// That one is not to be had without other hooks.
		const filter = filterOf({ ...values, transport });
		return { values, filter, loopback: loopbackOf(values) };
	} catch (error) {
		log.notReloaded(error);
		return null;
	}
}

/** Whether it is another one. Where it listens can only change with a restart. */
function setToken(current: Running["loopback"], next: Loopback | null): boolean {
	if (current === null || next === null || current.token === next.token) return false;
	current.token = next.token;
	return true;
}

function changedNames(before: ServeValues, after: ServeValues): Name[] {
	return (Object.keys(after) as Name[]).filter(
		(name) => !SHORTHANDS.has(name) && !Bun.deepEquals(before[name], after[name]),
	);
}

const isFilter = (name: string): boolean => name in filterOptions && name !== "transport";

const optionName = (name: string): string => `--${longName(name)}`;

function picked(values: ServeValues, names: readonly Name[]): Partial<ServeValues> {
	return Object.fromEntries(names.map((name) => [name, values[name]]));
}
