/** Connections of one process with the same ends, one after the other, as one row of an answer. */

import type { ChangedConnection, ConnectionChange, CountedConnection } from "./client-answers.ts";
import {
	type ConnectionCounters,
	countersOf,
	difference,
	NOTHING_MOVED,
	sum,
} from "./connection-counters.ts";

/** Those that are over. */
export interface Ended<C> {
	latest: C;
	/** By id; null where it is `latest` alone, as nearly always. */
	ids: Map<string, ConnectionCounters> | null;
	total: ConnectionCounters;
	since: ConnectionChange;
}

export const UNCHANGED: ConnectionChange = {
	...{ connections_opened: 0, connections_failed: 0, connections_closed: 0 },
	...NOTHING_MOVED,
};
export const FAILED: ConnectionChange = { ...UNCHANGED, connections_failed: 1 };

/** One more that is over, into the row of its ends. */
export function addEnded<C extends CountedConnection>(
	rows: Map<string, Ended<C>>,
	connection: C,
	since: ConnectionChange,
): void {
	const { id } = connection;
	const key = keyOf(connection);
	const counters = countersOf(connection);
	const known = rows.get(key);
	if (known === undefined) {
		rows.set(key, { latest: connection, ids: null, total: counters, since });
		return;
	}
	known.ids ??= new Map([[known.latest.id, known.total]]);
	// One of which the end is told twice counts once, with what is told later.
	const before = known.ids.get(id);
	const more = before === undefined ? counters : difference(counters, before);
	known.ids.set(id, counters);
	known.total = sum(known.total, more);
	known.since = both(known.since, before === undefined ? since : { ...UNCHANGED, ...more });
	known.latest = connection;
}

export function answerOfEnded<C extends CountedConnection>(ended: Ended<C>): ChangedConnection<C> {
	const { latest, total, since, ids } = ended;
	const connections = (ids?.size ?? 1) - since.connections_failed;
	return { ...latest, ...total, is_open: false, connections, since_last: since };
}

export function withOpen<C extends CountedConnection>(
	before: ChangedConnection<C> | undefined,
	connection: C,
	since: ConnectionChange,
): ChangedConnection<C> {
	if (before === undefined)
		return { ...connection, is_open: true, connections: 1, since_last: since };
	return {
		...{ ...connection, ...sum(before, connection), is_open: true },
		...{ connections: before.connections + 1, since_last: both(before.since_last, since) },
	};
}

/** Ids of two connections differ; this may be the same. */
export function keyOf(connection: CountedConnection): string {
	const { transport, netns, pid, local_address, local_port } = connection;
	const { remote_address, remote_port } = connection;
	const ends = `${local_address} ${local_port} ${remote_address} ${remote_port}`;
	return `${netns} ${transport} ${pid} ${ends}`;
}

const both = (a: ConnectionChange, b: ConnectionChange): ConnectionChange => ({
	connections_opened: a.connections_opened + b.connections_opened,
	connections_failed: a.connections_failed + b.connections_failed,
	connections_closed: a.connections_closed + b.connections_closed,
	...sum(a, b),
});
