/** Which of our programs a run needs, and how each gets to where it works. */

import type { HookKind } from "../flow/doctor.ts";
import type { Transport } from "../flow/records.ts";
import { EVENT_TYPE } from "../maps/enums.ts";

/** The programs at one tracepoint of which every event gets through one: see bpf/once.h. */
export interface Gates {
	/** What they hand on to. */
	readonly handler: string;
	/** Has it for them. */
	readonly handlerMap: string;
	readonly first: string;
	/** Attached where a task can be preempted in a tracepoint. */
	readonly middle: readonly string[];
	readonly last: string;
}

export interface Plan {
	readonly gates: readonly Gates[];
	/** Tracepoints and functions. */
	readonly hooks: readonly string[];
	/** For all that is in a cgroup: the root one. */
	readonly cgroupHooks: readonly string[];
	readonly iterators: readonly string[];
}

const NOTHING: Plan = { gates: [], hooks: [], cgroupHooks: [], iterators: [] };

function hooked(...hooks: readonly string[]): Plan {
	return { ...NOTHING, hooks };
}

function gatesOf(tracepoint: string, handlerMap: string): Gates {
	const first = `tp__${tracepoint}`;
	return {
		handler: `handle__${tracepoint}`,
		handlerMap,
		first,
		middle: [2, 3, 4, 5].map((number) => `${first}_${number}`),
		last: `${first}_last`,
	};
}

const TCP: Plan = {
	...NOTHING,
	gates: [
		gatesOf("inet_sock_set_state", "state_handler"),
		gatesOf("tcp_destroy_sock", "destroy_handler"),
	],
	iterators: [
		...["iter__fold_conns", "iter__adopt_listeners", "iter__adopt_files"],
		"iter__adopt_fileless",
	],
};

/** Who accepts a connection; under tracepoints nothing says it. */
const ACCEPT: Readonly<Partial<Record<HookKind, Plan>>> = {
	fentry: hooked("fentry__security_sock_graft"),
	kprobe: hooked("kprobe__security_sock_graft"),
};

const UDP: Readonly<Partial<Record<HookKind, Plan>>> = {
	tracepoint: {
		...NOTHING,
		hooks: ["udp__sock_send_length", "udp__sock_recv_length"],
		cgroupHooks: [
			...["udp__sendmsg4", "udp__sendmsg6", "udp__recvmsg4", "udp__recvmsg6"],
			"udp__sock_release",
		],
	},
	fentry: hooked(
		...["fexit__udp_sendmsg", "fexit__udpv6_sendmsg", "fentry__skb_consume_udp"],
		...["fentry__udp_destroy_sock", "fentry__udpv6_destroy_sock"],
	),
	kprobe: hooked(
		...["kprobe__udp_sendmsg", "kretprobe__udp_sendmsg"],
		...["kprobe__udpv6_sendmsg", "kretprobe__udpv6_sendmsg", "kprobe__skb_consume_udp"],
		...["kprobe__udp_destroy_sock", "kprobe__udpv6_destroy_sock"],
	),
};
/** sendfile() over IPv4 is a way of its own there: see bpf/udp_functions.h. */
const APPEND_PAGE = "ip_append_page";
const UDP_APPEND: Readonly<Partial<Record<HookKind, Plan>>> = {
	fentry: hooked("fexit__ip_append_page"),
	kprobe: hooked("kprobe__ip_append_page", "kretprobe__ip_append_page"),
};
const EXPIRE_UDP: Plan = { ...NOTHING, iterators: ["iter__expire_udp"] };

/** Of the programs of events, by the event that they are for; those of the others are TCP's. */
const ON_REQUEST: readonly (readonly [event: number, hooks: readonly string[]])[] = [
	[EVENT_TYPE.EVENT_RETRANSMIT, ["tp__tcp_retransmit_skb", "tp__tcp_retransmit_synack"]],
	[EVENT_TYPE.EVENT_RESET_SENT, ["tp__tcp_send_reset"]],
	[EVENT_TYPE.EVENT_RESET_RECEIVED, ["tp__tcp_receive_reset"]],
];

/** Entries of the tables that only events need; where they are not asked for, these have one. */
const EVENT_TABLES: readonly (readonly [name: string, size: number, event: number | null])[] = [
	["images", 16_384, null],
	["ended_conns", 8192, EVENT_TYPE.EVENT_RESET_SENT],
	["handshake_ids", 4096, EVENT_TYPE.EVENT_RETRANSMIT],
];

/** Who accepted a connection, which matters where each one is shown. */
export const FIND_HOLDERS = "iter__find_holders";
const EVENTS: Plan = { ...NOTHING, iterators: [FIND_HOLDERS] };

const ALWAYS: Plan = { ...NOTHING, iterators: ["iter__offer_slots"] };

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
	const plans = [ALWAYS, ...onRequest.map(([, hooks]) => hooked(...hooks))];
	if (transports.includes("tcp")) plans.push(TCP, ACCEPT[ways.accept] ?? hooked());
	if (transports.includes("udp")) {
		plans.push(UDP[ways.udp] ?? hooked(), EXPIRE_UDP);
		const append = UDP_APPEND[ways.udp];
		if (append !== undefined && hasFunction(APPEND_PAGE)) plans.push(append);
	}
	if (eventTypes !== 0) plans.push(EVENTS);
	return {
		gates: plans.flatMap((plan) => plan.gates),
		hooks: plans.flatMap((plan) => plan.hooks),
		cgroupHooks: plans.flatMap((plan) => plan.cgroupHooks),
		iterators: plans.flatMap((plan) => plan.iterators),
	};
}

/** The sizes of those tables that these events need. */
export function eventTables(eventTypes: number): readonly (readonly [string, number])[] {
	if (eventTypes === 0) return [];
	return EVENT_TABLES.filter(([, , event]) => event === null || includes(eventTypes, event)).map(
		([name, size]) => [name, size],
	);
}

/** What the kernel calls for an event, each once unless it skips it. */
export function firstsOf({ gates, hooks }: Plan): readonly string[] {
	return [...gates.map(({ first }) => first), ...hooks];
}

export function programsOf({ gates, hooks, cgroupHooks, iterators }: Plan): readonly string[] {
	const atGates = gates.flatMap(({ handler, first, middle, last }) => [
		...[handler, first, ...middle, last],
	]);
	return [...atGates, ...hooks, ...cgroupHooks, ...iterators];
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
