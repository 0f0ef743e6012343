/** Which of our programs a run needs, and how each gets to where it works. */

import type { Transport } from "../flow/records.ts";

export interface Plan {
	/** Tracepoints. A second program, attached after all first ones, stands behind a name with `_2`. */
	readonly hooks: readonly string[];
	/** For all that is in a cgroup: the root one. */
	readonly cgroupHooks: readonly string[];
	readonly iterators: readonly string[];
}

const TCP: Plan = {
	hooks: [
		...["tp__inet_sock_set_state", "tp__tcp_destroy_sock"],
		...["tp__inet_sock_set_state_2", "tp__tcp_destroy_sock_2"],
	],
	cgroupHooks: [],
	iterators: [
		...["iter__fold_conns", "iter__adopt_listeners", "iter__adopt_files"],
		"iter__adopt_fileless",
	],
};

const UDP: Plan = {
	hooks: ["udp__sock_send_length", "udp__sock_recv_length"],
	cgroupHooks: [
		...["udp__sendmsg4", "udp__sendmsg6", "udp__recvmsg4", "udp__recvmsg6"],
		"udp__sock_release",
	],
	iterators: ["iter__expire_udp"],
};

/** Other families' programs, which no run loads yet. */
const FUNCTIONS = [
	...["fentry__security_sock_graft", "kprobe__security_sock_graft"],
	...["fexit__udp_sendmsg", "fexit__udpv6_sendmsg", "fentry__skb_consume_udp"],
	...["fentry__udp_destroy_sock", "fentry__udpv6_destroy_sock"],
	...["kprobe__udp_sendmsg", "kretprobe__udp_sendmsg"],
	...["kprobe__udpv6_sendmsg", "kretprobe__udpv6_sendmsg", "kprobe__skb_consume_udp"],
	...["kprobe__udp_destroy_sock", "kprobe__udpv6_destroy_sock"],
];

/** Who accepted a connection, which matters where each one is shown. */
export const FIND_HOLDERS = "iter__find_holders";
const EVENTS: Plan = { hooks: [], cgroupHooks: [], iterators: [FIND_HOLDERS] };

const ALWAYS: Plan = { hooks: [], cgroupHooks: [], iterators: ["iter__offer_slots"] };
const PLANS: Readonly<Record<Transport, Plan>> = { tcp: TCP, udp: UDP };

export function planFor(transports: readonly Transport[], hasEvents: boolean): Plan {
	const plans = [ALWAYS, ...transports.map((transport) => PLANS[transport])];
	if (hasEvents) plans.push(EVENTS);
	return {
		hooks: plans.flatMap((plan) => plan.hooks),
		cgroupHooks: plans.flatMap((plan) => plan.cgroupHooks),
		iterators: plans.flatMap((plan) => plan.iterators),
	};
}

export function programsOf({ hooks, cgroupHooks, iterators }: Plan): readonly string[] {
	return [...hooks, ...cgroupHooks, ...iterators];
}

/** All that the object has. */
export const EVERYTHING = [...programsOf(planFor(["tcp", "udp"], true)), ...FUNCTIONS];
