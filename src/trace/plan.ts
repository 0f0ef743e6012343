/** Which of our programs a run needs, and how each gets to where it works. */

import type { HookKind } from "../flow/doctor.ts";
import type { Transport } from "../flow/records.ts";
import { EVENT_TYPE } from "../maps/enums.ts";

/** The programs of one hook of which every event gets through one: see bpf/once.h. */
export interface Gates {
	/** What they hand on to. */
	readonly handler: string;
	/** Has it for them. */
	readonly handlerMap: string;
	/** What is attached where tasks are not preempted in a hook, and where they are: in this order. */
	readonly few: readonly string[];
	readonly many: readonly string[];
	/** Of the few, and of the many, the one that the kernel calls first. */
	readonly firsts: readonly string[];
}

export interface Plan {
	readonly gates: readonly Gates[];
	/** Tracepoints and functions that have no gates. */
	readonly hooks: readonly string[];
	/** For all that is in a cgroup: the root one. */
	readonly cgroupHooks: readonly string[];
	readonly iterators: readonly string[];
	/** Over the entries of a map: user space runs them. */
	readonly walks: readonly WalkName[];
}

/** The programs of bpf/walk.h. */
export type WalkName =
	| "walk__fold_conns"
	| "walk__fold_awake"
	| "walk__show_conns"
	| "walk__tell_endings"
	| "walk__check_listeners"
	| "walk__expire_udp";

const NOTHING: Plan = { gates: [], hooks: [], cgroupHooks: [], iterators: [], walks: [] };

function hooked(...hooks: readonly string[]): Plan {
	return { ...NOTHING, hooks };
}

const MIDDLE = ["_2", "_3", "_4", "_5"];

/** Softirq can come between: two at least. */
function tcpGates(tracepoint: string, handlerMap: string): Gates {
	const name = `tp__${tracepoint}`;
	const last = `${name}_last`;
	const middle = MIDDLE.map((gate) => `${name}${gate}`);
	const handler = `handle__${tracepoint}`;
	return { handler, handlerMap, few: [name, last], many: [name, ...middle, last], firsts: [name] };
}

/** It cannot: none, if tasks are not preempted. */
function gated(handler: string, handlerMap: string, isTracepoint = false): Gates {
	const first = `${handler}_first`;
	const many = [first, ...[...MIDDLE, "_last"].map((gate) => `${handler}${gate}`)];
	// What was attached to a function last is called first (bpf_trampoline_link_prog).
	if (!isTracepoint) many.reverse();
	return { handler, handlerMap, few: [handler], many, firsts: [handler, first] };
}

const TCP: Plan = {
	...NOTHING,
	gates: [
		tcpGates("inet_sock_set_state", "state_handler"),
		tcpGates("tcp_destroy_sock", "destroy_handler"),
	],
	iterators: ["iter__adopt_listeners", "iter__adopt_files", "iter__adopt_fileless"],
	walks: ["walk__fold_conns", "walk__fold_awake"],
};

/** Whose a listening socket is by now. */
export const OWN_LISTENERS = "iter__own_listeners";

/** Who accepts a connection; under tracepoints nothing says it but whose the listening socket is. */
const ACCEPT: Readonly<Partial<Record<HookKind, Plan>>> = {
	fentry: { ...NOTHING, gates: [gated("fentry__security_sock_graft", "graft_handler")] },
	kprobe: hooked("kprobe__security_sock_graft"),
	tracepoint: { ...NOTHING, iterators: [OWN_LISTENERS], walks: ["walk__check_listeners"] },
};

const UDP: Readonly<Partial<Record<HookKind, Plan>>> = {
	tracepoint: {
		...NOTHING,
		gates: [
			gated("udp__sock_send_length", "send_handler", true),
			gated("udp__sock_recv_length", "recv_handler", true),
		],
		cgroupHooks: [
			...["udp__sendmsg4", "udp__sendmsg6", "udp__recvmsg4", "udp__recvmsg6"],
			"udp__sock_release",
		],
	},
	fentry: {
		...hooked("fentry__udp_destroy_sock", "fentry__udpv6_destroy_sock"),
		gates: [
			gated("fexit__udp_sendmsg", "sendmsg_handler"),
			gated("fexit__udpv6_sendmsg", "sendmsg6_handler"),
			gated("fentry__skb_consume_udp", "consume_handler"),
		],
	},
	kprobe: hooked(
		// Returns first: a call whose return is not told of counts as lost.
		...["kretprobe__udp_sendmsg", "kprobe__udp_sendmsg"],
		...["kretprobe__udpv6_sendmsg", "kprobe__udpv6_sendmsg", "kprobe__skb_consume_udp"],
		...["kprobe__udp_destroy_sock", "kprobe__udpv6_destroy_sock", "udp__sched_process_exit"],
	),
};
/** sendfile() over IPv4 is a way of its own there: see bpf/udp_functions.h. */
const APPEND_PAGE = "ip_append_page";
const UDP_APPEND: Readonly<Partial<Record<HookKind, Plan>>> = {
	fentry: hooked("fexit__ip_append_page"),
	kprobe: hooked("kretprobe__ip_append_page", "kprobe__ip_append_page"),
};
const EXPIRE_UDP: Plan = { ...NOTHING, walks: ["walk__expire_udp"] };

/** Of the programs of events, by the event that they are for; those of the others are TCP's. */
const ON_REQUEST: readonly (readonly [event: number, hooks: readonly string[]])[] = [
	[EVENT_TYPE.EVENT_RETRANSMIT, ["tp__tcp_retransmit_skb", "tp__tcp_retransmit_synack"]],
	[EVENT_TYPE.EVENT_RESET_SENT, ["tp__tcp_send_reset"]],
	[EVENT_TYPE.EVENT_RESET_RECEIVED, ["tp__tcp_receive_reset"]],
];

/** Entries of the tables that only events need; where they are not asked for, these have one. */
const EVENT_TABLES: readonly (readonly [name: string, size: number, event: number | null])[] = [
	["images", 16_384, null],
	["endings", 16_384, null],
	["ended_conns", 8192, EVENT_TYPE.EVENT_RESET_SENT],
	["handshake_ids", 4096, EVENT_TYPE.EVENT_RETRANSMIT],
	["shown", 16_384, EVENT_TYPE.EVENT_SHOWN],
];

/** Who accepted a connection, which matters where each one is shown. */
export const FIND_HOLDERS = "iter__find_holders";
const EVENTS: Plan = { ...NOTHING, iterators: [FIND_HOLDERS], walks: ["walk__tell_endings"] };

/** What open connections have moved, for whoever asks. */
const SHOWN: Plan = { ...NOTHING, walks: ["walk__show_conns"] };

/** How the features that have several ways are hooked. */
export interface Ways {
	readonly accept: HookKind;
	readonly udp: HookKind;
}

export const TRACEPOINTS: Ways = { accept: "tracepoint", udp: "tracepoint" };

const includes = (eventTypes: number, event: number): boolean => (eventTypes & (1 << event)) !== 0;

export interface Wanted {
	readonly transports: readonly Transport[];
	/** 1 << EVENT_TYPE, or-ed together. */
	readonly eventTypes: number;
	readonly ways: Ways;
}

/** @param hasFunction whether this kernel has a function that not all of them have */
export function planFor(
	{ transports, eventTypes, ways }: Wanted,
	hasFunction: (name: string) => boolean,
): Plan {
	const onRequest = ON_REQUEST.filter(([event]) => includes(eventTypes, event));
	const plans = onRequest.map(([, hooks]) => hooked(...hooks));
	if (transports.includes("tcp")) plans.push(TCP, ACCEPT[ways.accept] ?? hooked());
	if (transports.includes("udp")) {
		plans.push(UDP[ways.udp] ?? hooked(), EXPIRE_UDP);
		const append = UDP_APPEND[ways.udp];
		if (append !== undefined && hasFunction(APPEND_PAGE)) plans.push(append);
	}
	if (eventTypes !== 0) plans.push(EVENTS);
	if (includes(eventTypes, EVENT_TYPE.EVENT_SHOWN)) plans.push(SHOWN);
	return {
		gates: plans.flatMap((plan) => plan.gates),
		hooks: plans.flatMap((plan) => plan.hooks),
		cgroupHooks: plans.flatMap((plan) => plan.cgroupHooks),
		iterators: plans.flatMap((plan) => plan.iterators),
		walks: plans.flatMap((plan) => plan.walks),
	};
}

/**
 * The same without walks. Null where it needs them: only events that show nothing of what is open can
 * do without, and do not find ends that no hook saw then.
 */
export function withoutWalks(plan: Plan, eventTypes: number): Plan | null {
	if (eventTypes === 0 || includes(eventTypes, EVENT_TYPE.EVENT_SHOWN)) return null;
	return { ...plan, walks: [] };
}

/** The sizes of those tables that these events need. */
export function eventTables(eventTypes: number): readonly (readonly [string, number])[] {
	if (eventTypes === 0) return [];
	return EVENT_TABLES.filter(([, , event]) => event === null || includes(eventTypes, event)).map(
		([name, size]) => [name, size],
	);
}

/** Attached for a moment: it finds out whether tasks can be preempted in a hook. */
export const TRIAL = "trial__tcp_destroy_sock";

/** What the kernel calls for an event, once for each unless it skips it; `many` gates or few. */
export function firstsOf({ gates, hooks }: Plan): readonly string[] {
	return [...gates.flatMap(({ firsts }) => firsts), ...hooks];
}

export function programsOf(plan: Plan): readonly string[] {
	const { gates, hooks, cgroupHooks, iterators, walks } = plan;
	const atGates = gates.flatMap(({ handler, few, many }) => [handler, ...few, ...many]);
	return [...new Set([TRIAL, ...atGates, ...hooks, ...cgroupHooks, ...iterators, ...walks])];
}

const EVERY_EVENT = ~0;

/** All that the object has. */
export const EVERYTHING: ReadonlySet<string> = new Set(
	(["tracepoint", "fentry", "kprobe"] as const).flatMap((way) => {
		const ways = { accept: way, udp: way };
		const all = { transports: ["tcp", "udp"], eventTypes: EVERY_EVENT, ways } as const;
		return programsOf(planFor(all, () => true));
	}),
);
