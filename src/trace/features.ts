/** What can be traced, and the ways to do it: the ones that know most come first. */

import type { FeatureName, HookKind } from "../flow/doctor.ts";
import type { Transport } from "../flow/records.ts";

export interface Way {
	readonly kind: HookKind;
	/** All of them, by their section names; bpf/probe.bpf.c has a program for each. */
	readonly hooks: readonly string[];
	/** What is known less exactly than by the best way. */
	readonly lessExact: string | null;
}

export interface Feature {
	readonly name: FeatureName;
	/** What cannot be traced without it; null: what is traced can be without it. */
	readonly transport: Transport | null;
	readonly ways: readonly Way[];
	/** What to do where no way is open. */
	readonly remedy: string;
}

const way = (kind: HookKind, hooks: readonly string[], lessExact: string | null = null): Way => ({
	kind,
	hooks,
	lessExact,
});

const NEEDS_BTF_TRACEPOINTS = "use Linux 5.10 or newer, built with CONFIG_DEBUG_INFO_BTF=y";
const UDP_REMEDY =
	"use Linux 6.3 or newer, or one with kprobes (CONFIG_KPROBE_EVENTS=y); or say --transport tcp";

/** Their arguments are the peer, too, and they see the socket's end. */
const UDP_FENTRY = way("fentry", [
	...["fexit/udp_sendmsg", "fexit/udpv6_sendmsg", "fentry/skb_consume_udp"],
	...["fentry/udp_destroy_sock", "fentry/udpv6_destroy_sock"],
]);
const UDP_KPROBE = way("kprobe", [
	...["kprobe/udp_sendmsg", "kretprobe/udp_sendmsg", "kprobe/udpv6_sendmsg"],
	...["kretprobe/udpv6_sendmsg", "kprobe/skb_consume_udp"],
	...["kprobe/udp_destroy_sock", "kprobe/udpv6_destroy_sock"],
]);

/** Each is of one of the two objects: see main-object.ts. */
const MAP_WALKS: Feature = {
	name: "map_walks",
	transport: null,
	ways: [way("syscall", ["syscall/bpf_for_each_map_elem"]), way("iterator", ["iter/bpf_map_elem"])],
	remedy: "use a kernel that allows one of them",
};

export const FEATURES: readonly Feature[] = [
	{
		name: "tcp_lifecycle",
		transport: "tcp",
		ways: [way("tracepoint", ["tp_btf/inet_sock_set_state", "tp_btf/tcp_destroy_sock"])],
		remedy: NEEDS_BTF_TRACEPOINTS,
	},
	{
		name: "accept",
		transport: "tcp",
		ways: [
			way("fentry", ["fentry/security_sock_graft"]),
			way("kprobe", ["kprobe/security_sock_graft"]),
			way(
				"tracepoint",
				["tp_btf/inet_sock_set_state"],
				"an accepted connection is first taken for that of the process that owns the listening socket",
			),
		],
		remedy: NEEDS_BTF_TRACEPOINTS,
	},
	{
		name: "existing_sockets",
		transport: "tcp",
		ways: [way("iterator", ["iter/task_file", "iter/tcp"])],
		remedy: NEEDS_BTF_TRACEPOINTS,
	},
	MAP_WALKS,
	{
		name: "udp",
		transport: "udp",
		ways: [
			UDP_FENTRY,
			UDP_KPROBE,
			way("tracepoint", ["tp_btf/sock_send_length", "tp_btf/sock_recv_length"]),
		],
		remedy: UDP_REMEDY,
	},
	{
		name: "udp_peers",
		transport: "udp",
		ways: [
			UDP_FENTRY,
			UDP_KPROBE,
			way(
				"cgroup",
				[
					...["cgroup/sendmsg4", "cgroup/sendmsg6", "cgroup/recvmsg4", "cgroup/recvmsg6"],
					"cgroup/sock_release",
				],
				"the peer is not known where a program does not ask who sent",
			),
		],
		remedy: "mount cgroup v2: mount -t cgroup2 none /sys/fs/cgroup/unified; or say --transport tcp",
	},
	{
		name: "retransmissions",
		transport: "tcp",
		ways: [way("tracepoint", ["tp_btf/tcp_retransmit_skb"])],
		remedy: NEEDS_BTF_TRACEPOINTS,
	},
	{
		name: "resets",
		transport: "tcp",
		ways: [way("tracepoint", ["tp_btf/tcp_send_reset", "tp_btf/tcp_receive_reset"])],
		remedy: NEEDS_BTF_TRACEPOINTS,
	},
];

/** How the beginnings and ends of conntrack's flows are known; what is in its table, ctnetlink says. */
export const ACCOUNTING: Feature = {
	name: "accounting",
	transport: null,
	// What tells of ends comes first: a flow in between has one.
	ways: [
		way("fentry", ["fentry/nf_conntrack_free", "fexit/__nf_conntrack_confirm"]),
		way("kprobe", [
			...["kprobe/nf_conntrack_free", "kretprobe/__nf_conntrack_confirm"],
			"kprobe/__nf_conntrack_confirm",
		]),
		way(
			"ctnetlink",
			[],
			"a first packet has no size; ends of flows from before the start may be found a second later",
		),
	],
	remedy: "load it: modprobe nf_conntrack_netlink",
};
