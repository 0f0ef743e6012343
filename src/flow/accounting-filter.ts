/** Which flows of conntrack are wanted. */

import { hasPort, type PortChoice } from "./ports.ts";
import type { AccountingRecord, Family } from "./records.ts";

export interface AccountingFilter {
	/** Inode numbers; none: all. */
	readonly netns: readonly number[];
	/** Null: both. */
	readonly family: Family | null;
	/** A name of a protocol; null: all. */
	readonly transport: string | null;
	/** Of either end; null: any. */
	readonly ports: PortChoice | null;
}

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
