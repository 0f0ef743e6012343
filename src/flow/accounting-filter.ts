/** Which flows of conntrack are wanted. */

import { hasPort, type PortChoice, parsePorts } from "./ports.ts";
import type { AccountingRecord, Family } from "./records.ts";

/** What is left out does not matter. */
export interface AccountingFilterOptions {
	/** Inode numbers of network namespaces; others are not followed at all. */
	readonly netns: readonly number[];
	/** Null: both. */
	readonly family: Family | null;
	/** As records have it: `tcp`, `icmp`, …; null: all. */
	readonly transport: string | null;
	/** Of either end: "80", "8000-8100", "!22". */
	readonly port: readonly string[];
}

/** Made by compileAccountingFilter(). */
export interface AccountingFilter extends Omit<AccountingFilterOptions, "port"> {
	/** Null: any. */
	readonly ports: PortChoice | null;
}

const ALL: AccountingFilterOptions = { netns: [], family: null, transport: null, port: [] };

/** @throws UsageError for ports that are none */
export function compileAccountingFilter(
	partial: Partial<AccountingFilterOptions>,
): AccountingFilter {
	const { port, ...rest } = { ...ALL, ...partial };
	return { ...rest, ports: parsePorts(port, "--port") };
}

/** Whether a record is wanted; null: all are. */
export function matchesAccount(filter: AccountingFilter | null, record: AccountingRecord): boolean {
	if (filter === null) return true;
	const { netns, family, transport, ports } = filter;
	if (netns.length > 0 && !netns.includes(record.netns)) return false;
	if (family !== null && familyOf(record) !== family) return false;
	if (transport !== null && record.transport !== transport) return false;
	if (ports === null) return true;
	const { source_port, destination_port } = record;
	const isAmong = (set: PortChoice["wanted"]): boolean =>
		hasPort(set, source_port) || hasPort(set, destination_port);
	return isAmong(ports.wanted) && !isAmong(ports.excluded);
}

const familyOf = ({ source_address }: AccountingRecord): Family =>
	source_address.includes(":") ? "ipv6" : "ipv4";
