/** What clients are told of connections, and within which bounds. */

import type { ClientBounds } from "./clients.ts";
import type { ConnectionCounters } from "./connection-counters.ts";
import type { ConnectionFields, GapRecord } from "./records.ts";

/** What a connection is known by, and its totals; whatever else it has is handed on. */
export type CountedConnection = ConnectionCounters &
	Pick<ConnectionFields, "id" | "transport" | "netns" | "pid"> &
	Pick<ConnectionFields, "local_address" | "local_port" | "remote_address" | "remote_port">;

/**
 * Connections of one process with the same ends, one after the other, as one: those that were open
 * at any time since the client's last question. Their totals are added up.
 */
export type ChangedConnection<C extends CountedConnection> = C & {
	/** False: the last of them is over, and this is the last that is told of it. */
	readonly is_open: boolean;
	/** How many they are; attempts that failed are not among them. */
	readonly connections: number;
	/** What they have done since then; 0 in the answer to the first question of a client. */
	readonly since_last: ConnectionChange;
};

/** What has happened to connections, and what they have moved. */
export interface ConnectionChange extends ConnectionCounters {
	readonly connections_opened: number;
	/** Attempts. */
	readonly connections_failed: number;
	readonly connections_closed: number;
}

/** The answer to one question. */
export interface ClientAnswer<C extends CountedConnection> {
	/** Names this answer: the next question can say with it that this one arrived. */
	readonly cursor: string;
	/** The client was not known, or not any more: all that is open, and nothing of what is over. */
	readonly is_new: boolean;
	/** Since its last question; null where it is new. */
	readonly interval_ms: number | null;
	readonly connections: readonly ChangedConnection<C>[];
	/** Since its last question. */
	readonly lost: ClientLosses;
	/** What nobody could be told, since its last question. */
	readonly gaps: readonly GapRecord[];
}

/** What one client is not told. */
export interface ClientLosses {
	/** Connections that were over, and for which there was no room until it asked. */
	readonly closed: number;
	/** Open connections of which it was not kept what was told: what they have moved since is 0 this time. */
	readonly open: number;
}

/** What is kept for one client. */
export interface ClientState {
	readonly client: string;
	readonly asked_ms_ago: number;
	/** Open connections whose totals are remembered. */
	readonly open: number;
	/** Of those that were open the time before, and whose end was not told yet. */
	readonly gone: number;
	/** Connections that are over, and that it has not asked for. */
	readonly closed: number;
	/** So far, since it asked. */
	readonly lost: ClientLosses;
}

/** Bounds of what clients can make grow. */
export interface ClientOptions extends ClientBounds {
	/** Connections that are over, and that one client or another has not asked for: of more, the last. Default 50,000. */
	readonly mostClosed: number;
	/** Of each client: open connections whose totals are remembered. Default 75,000. */
	readonly mostOpen: number;
}
