/** What connections have done since a client's last question, added up by flows. */

import type { ChangedConnection, CountedConnection } from "./client-answers.ts";
import { recordKey, subjectOfConnection } from "./flow-subject.ts";
import type { Aggregate, ConnectionFields, FlowRecord, Translation } from "./records.ts";
import { type Growth, RowBuilder } from "./row-builder.ts";

type Named = Omit<ConnectionFields, keyof CountedConnection> & CountedConnection;
type Changed = ChangedConnection<Named>;

/** @param intervalMs since the last question */
export function flowsOfChanges(
	changes: readonly Changed[],
	aggregate: Aggregate,
	time: string,
	intervalMs: number,
): FlowRecord[] {
	const rows = new RowBuilder(time, intervalMs);
	const translations = new Map<string, Translation | null>();
	/** Each key, in the order in which they came first. */
	const names = new Map<string, string | null>();
	for (const changed of changes) {
		const subject = subjectOfConnection(changed, aggregate);
		const key = recordKey(subject, false);
		const known = translations.get(key);
		translations.set(key, known === undefined ? changed.nat : common(known, changed.nat));
		names.set(key, changed.remote_name ?? names.get(key) ?? null);
		rows.add(key, subject, growthOf(changed), { pid: changed.pid, uid: changed.uid, started: 0 });
	}
	// Rows come in that order.
	const inOrder = [...names];
	return rows.finish().map((row, index) => {
		const [key, remote_name] = inOrder[index] ?? ["", null];
		return { ...row, nat: translations.get(key) ?? null, remote_name };
	});
}

function growthOf({ since_last, is_open, rtt_us }: Changed): Growth {
	const { bytes_sent, bytes_received, segments_retransmitted } = since_last;
	const ended = since_last.connections_closed > 0;
	const isUncounted = bytes_sent === null || bytes_received === null;
	const hasMoved = isUncounted || bytes_sent + bytes_received > 0;
	const isSampled = rtt_us !== null && (ended || hasMoved);
	return {
		opened: since_last.connections_opened,
		failed: since_last.connections_failed,
		closed: since_last.connections_closed,
		...{ adopted: 0, open: is_open ? 1 : 0 },
		...{ bytes_sent: bytes_sent ?? 0, bytes_received: bytes_received ?? 0 },
		...{ uncounted: Number(isUncounted), segments_retransmitted: segments_retransmitted ?? 0 },
		...{ rtt_sum_us: isSampled ? rtt_us : 0, rtt_samples: isSampled ? 1 : 0 },
	};
}

/** Null where they differ in everything. */
function common(a: Translation | null, b: Translation | null): Translation | null {
	if (a === null || b === null) return null;
	const both = {
		source_address: a.source_address === b.source_address ? a.source_address : null,
		source_port: a.source_port === b.source_port ? a.source_port : null,
		destination_address:
			a.destination_address === b.destination_address ? a.destination_address : null,
		destination_port: a.destination_port === b.destination_port ? a.destination_port : null,
	};
	return Object.values(both).every((value) => value === null) ? null : both;
}
