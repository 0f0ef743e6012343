/** What happened in an interval: whether anything did, and how fast. */

import type { Activity, Rates } from "./records.ts";

/** To a thousandth: an interval can be long. */
export function perSecond(bytes: number | null, intervalMs: number): number | null {
	if (bytes === null) return null;
	return intervalMs > 0 ? Math.round((bytes * 1e6) / intervalMs) / 1000 : 0;
}

export function withRates<T extends Activity>(row: T): T & Rates {
	return {
		...row,
		sent_bytes_per_second: perSecond(row.bytes_sent, row.interval_ms),
		received_bytes_per_second: perSecond(row.bytes_received, row.interval_ms),
	};
}

/** Something happened, and it is not just open. */
export function hasMoved(row: Activity): boolean {
	return (
		row.connections_opened > 0 ||
		row.connections_failed > 0 ||
		row.connections_closed > 0 ||
		// Null: it may have.
		row.bytes_sent !== 0 ||
		row.bytes_received !== 0 ||
		row.segments_retransmitted > 0
	);
}
