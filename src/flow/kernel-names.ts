/** What the kernel's numbers are called in records. */

import { readU64 } from "../maps/codec.ts";
import { ATTRIBUTION, CLOSE_REASON, DIRECTION, EVENT_TYPE } from "../maps/enums.ts";
import type { Attribution, CloseReason, Direction, EventName } from "./records.ts";

const DIRECTIONS: Readonly<Record<number, Direction>> = {
	[DIRECTION.DIRECTION_ACTIVE]: "active",
	[DIRECTION.DIRECTION_PASSIVE]: "passive",
};

const ATTRIBUTIONS: Readonly<Record<number, Attribution>> = {
	[ATTRIBUTION.ATTRIBUTION_TASK]: "task",
	[ATTRIBUTION.ATTRIBUTION_LISTENER]: "listener",
	[ATTRIBUTION.ATTRIBUTION_SCAN]: "scan",
};

/** include/net/tcp_states.h */
const TCP_STATES: Readonly<Record<number, string>> = {
	...{ 1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2" },
	...{ 6: "TIME_WAIT", 7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING" },
};

const EVENTS: Readonly<Record<number, EventName>> = {
	[EVENT_TYPE.EVENT_CONNECT]: "connect",
	[EVENT_TYPE.EVENT_CONNECT_FAILED]: "connect_failed",
	[EVENT_TYPE.EVENT_ACCEPT]: "accept",
	[EVENT_TYPE.EVENT_CLOSE]: "close",
	[EVENT_TYPE.EVENT_LISTEN]: "listen",
	[EVENT_TYPE.EVENT_UNLISTEN]: "unlisten",
	[EVENT_TYPE.EVENT_RETRANSMIT]: "retransmit",
	[EVENT_TYPE.EVENT_RESET_SENT]: "reset_sent",
	[EVENT_TYPE.EVENT_RESET_RECEIVED]: "reset_received",
};

const REASONS: Readonly<Record<number, CloseReason>> = {
	[CLOSE_REASON.CLOSE_LOCAL]: "local",
	[CLOSE_REASON.CLOSE_REMOTE]: "remote",
	[CLOSE_REASON.CLOSE_RESET_SENT]: "reset_sent",
	[CLOSE_REASON.CLOSE_RESET_RECEIVED]: "reset_received",
	[CLOSE_REASON.CLOSE_TIMEOUT]: "timeout",
};

export function eventName(type: number): EventName {
	return EVENTS[type] ?? "close";
}

export function closeReasonName(reason: number): CloseReason | null {
	return REASONS[reason] ?? null;
}

export function directionName(direction: number): Direction {
	return DIRECTIONS[direction] ?? null;
}

export function attributionName(attribution: number): Attribution {
	return ATTRIBUTIONS[attribution] ?? null;
}

export function tcpStateName(state: number): string {
	return TCP_STATES[state] ?? String(state);
}

/** BYTES_UNKNOWN is more than any count. */
export function bytesAt(view: DataView, offset: number): number | null {
	return view.getUint32(offset + 4, true) === 0xffff_ffff ? null : readU64(view, offset);
}
