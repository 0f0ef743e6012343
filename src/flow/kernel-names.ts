/** What the kernel's numbers are called in records. */

import { ATTRIBUTION, DIRECTION } from "../maps/enums.ts";
import type { Attribution, Direction } from "./records.ts";

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

export function directionName(direction: number): Direction {
	return DIRECTIONS[direction] ?? null;
}

export function attributionName(attribution: number): Attribution {
	return ATTRIBUTIONS[attribution] ?? null;
}

export function tcpStateName(state: number): string {
	return TCP_STATES[state] ?? String(state);
}
