/** The enums of bpf/conntracer.h. */

export const FLOW_KEY_PART = { KEY_PROCESS: 1, KEY_PORTS: 2, KEY_PID: 4, KEY_UID: 8 } as const;

export const DIRECTION = {
	DIRECTION_UNKNOWN: 0,
	DIRECTION_ACTIVE: 1,
	DIRECTION_PASSIVE: 2,
} as const;

export const ATTRIBUTION = {
	ATTRIBUTION_NONE: 0,
	ATTRIBUTION_TASK: 1,
	ATTRIBUTION_LISTENER: 2,
	ATTRIBUTION_SCAN: 3,
} as const;

export const EVENT_TYPE = {
	EVENT_CONNECT: 1,
	EVENT_CONNECT_FAILED: 2,
	EVENT_ACCEPT: 3,
	EVENT_CLOSE: 4,
	EVENT_LISTEN: 5,
	EVENT_UNLISTEN: 6,
	EVENT_RETRANSMIT: 7,
	EVENT_RESET_SENT: 8,
	EVENT_RESET_RECEIVED: 9,
	EVENT_SHOWN: 10,
} as const;

export const CLOSE_REASON = {
	CLOSE_UNKNOWN: 0,
	CLOSE_LOCAL: 1,
	CLOSE_REMOTE: 2,
	CLOSE_RESET_SENT: 3,
	CLOSE_RESET_RECEIVED: 4,
	CLOSE_TIMEOUT: 5,
} as const;

const CONN_PHASE = {
	PHASE_PENDING: 0,
	PHASE_OPEN: 1,
	PHASE_CLOSED: 2,
	PHASE_UNACCEPTED: 3,
} as const;

export const SLOT_STATE = {
	SLOT_UNUSED: 0,
	SLOT_LIVE: 1,
	SLOT_FREED: 2,
} as const;

export const SLOT = { SLOT_OVERFLOW: 0 } as const;

export const FILTER_BOUND = { FILTER_VALUES: 16, FILTER_PORT_BYTES: 8192 } as const;

export const FILTER_PORTS = { FILTER_LOCAL: 1, FILTER_REMOTE: 2, FILTER_EITHER: 4 } as const;

export const V1_CONTROLLER = {
	V1_NONE: 0,
	V1_MEMORY: 1,
	V1_PIDS: 2,
	V1_CPU: 3,
	V1_DEVICES: 4,
	V1_FREEZER: 5,
	V1_CPUSET: 6,
	V1_BLKIO: 7,
} as const;

/** By their C names, for the layout check. */
export const ENUMS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
	flow_key_part: FLOW_KEY_PART,
	direction: DIRECTION,
	attribution: ATTRIBUTION,
	event_type: EVENT_TYPE,
	close_reason: CLOSE_REASON,
	conn_phase: CONN_PHASE,
	slot_state: SLOT_STATE,
	slot: SLOT,
	filter_bound: FILTER_BOUND,
	filter_ports: FILTER_PORTS,
	v1_controller: V1_CONTROLLER,
};
