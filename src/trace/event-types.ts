/** What the kernel side is told to record. */

import type { EventName } from "../flow/records.ts";
import { EVENT_TYPE } from "../maps/enums.ts";

const TYPES: Readonly<Record<EventName, number>> = {
	connect: EVENT_TYPE.EVENT_CONNECT,
	connect_failed: EVENT_TYPE.EVENT_CONNECT_FAILED,
	accept: EVENT_TYPE.EVENT_ACCEPT,
	close: EVENT_TYPE.EVENT_CLOSE,
	listen: EVENT_TYPE.EVENT_LISTEN,
	unlisten: EVENT_TYPE.EVENT_UNLISTEN,
	retransmit: EVENT_TYPE.EVENT_RETRANSMIT,
	reset_sent: EVENT_TYPE.EVENT_RESET_SENT,
	reset_received: EVENT_TYPE.EVENT_RESET_RECEIVED,
};

export const EVERY_EVENT_NAME = Object.keys(TYPES) as readonly EventName[];

/**
 * 1 << EVENT_TYPE, or-ed together.
 *
 * @param showsOpen open connections are asked for, too
 */
export function eventTypesOf(events: readonly EventName[], showsOpen: boolean): number {
	const shown = showsOpen ? 1 << EVENT_TYPE.EVENT_SHOWN : 0;
	return events.reduce((bits, name) => bits | (1 << TYPES[name]), shown);
}
