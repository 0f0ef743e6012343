/** What a connection has moved, and sums and differences of it. */

/** Totals of a connection since it was opened. UDP has no segments; of a sockmap bytes are not known. */
export interface ConnectionCounters {
	readonly bytes_sent: number | null;
	readonly bytes_received: number | null;
	readonly segments_sent: number | null;
	readonly segments_received: number | null;
	readonly segments_retransmitted: number | null;
}

/** Of TCP: 0, not unknown. */
export const NOTHING_MOVED: ConnectionCounters = {
	...{ bytes_sent: 0, bytes_received: 0 },
	...{ segments_sent: 0, segments_received: 0, segments_retransmitted: 0 },
};

/** Without whatever else there is. */
export const countersOf = (of: ConnectionCounters): ConnectionCounters => ({
	bytes_sent: of.bytes_sent,
	bytes_received: of.bytes_received,
	segments_sent: of.segments_sent,
	segments_received: of.segments_received,
	segments_retransmitted: of.segments_retransmitted,
});

/** What `a` is more than `b`. */
export const difference = (a: ConnectionCounters, b: ConnectionCounters): ConnectionCounters => ({
	bytes_sent: minus(a.bytes_sent, b.bytes_sent),
	bytes_received: minus(a.bytes_received, b.bytes_received),
	segments_sent: minus(a.segments_sent, b.segments_sent),
	segments_received: minus(a.segments_received, b.segments_received),
	segments_retransmitted: minus(a.segments_retransmitted, b.segments_retransmitted),
});

/** Of two connections, or of one at two times. */
export const sum = (a: ConnectionCounters, b: ConnectionCounters): ConnectionCounters => ({
	bytes_sent: plus(a.bytes_sent, b.bytes_sent),
	bytes_received: plus(a.bytes_received, b.bytes_received),
	segments_sent: plus(a.segments_sent, b.segments_sent),
	segments_received: plus(a.segments_received, b.segments_received),
	segments_retransmitted: plus(a.segments_retransmitted, b.segments_retransmitted),
});

/** Whether nothing was moved between `a` and `b`. */
export const isSame = (a: ConnectionCounters, b: ConnectionCounters): boolean =>
	a.bytes_sent === b.bytes_sent &&
	a.bytes_received === b.bytes_received &&
	a.segments_sent === b.segments_sent &&
	a.segments_received === b.segments_received &&
	a.segments_retransmitted === b.segments_retransmitted;

/** Whether any of `a` is less than it was in `b`. */
export const isLess = (a: ConnectionCounters, b: ConnectionCounters): boolean =>
	(a.bytes_sent ?? 0) < (b.bytes_sent ?? 0) ||
	(a.bytes_received ?? 0) < (b.bytes_received ?? 0) ||
	(a.segments_sent ?? 0) < (b.segments_sent ?? 0) ||
	(a.segments_received ?? 0) < (b.segments_received ?? 0) ||
	(a.segments_retransmitted ?? 0) < (b.segments_retransmitted ?? 0);

/** Of what is not known nothing can be said. */
export const plus = (a: number | null, b: number | null): number | null =>
	a === null || b === null ? null : a + b;
const minus = (a: number | null, b: number | null): number | null =>
	a === null || b === null ? null : a - b;
