// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Programs that do nothing, one for each hook that src/trace/features.ts names: whether this
 * kernel has it is found by loading and attaching them. fexit/x is in the program fexit__x.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* For the iterator over map elements, which needs a map to walk. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} walked SEC(".maps");

/* The verifier wants 0, and of cgroup hooks 1, which lets the call pass. */
#define RETURNING(value, kind, target)                                                             \
	SEC(#kind "/" #target) int kind##__##target(void *ctx)                                     \
	{                                                                                          \
		return value;                                                                      \
	}
#define PROBE(kind, target) RETURNING(0, kind, target)
#define CGROUP_PROBE(target) RETURNING(1, cgroup, target)

PROBE(tp_btf, inet_sock_set_state)
PROBE(tp_btf, tcp_destroy_sock)
PROBE(tp_btf, tcp_retransmit_skb)
PROBE(tp_btf, tcp_send_reset)
PROBE(tp_btf, tcp_receive_reset)
PROBE(tp_btf, sock_send_length)
PROBE(tp_btf, sock_recv_length)

PROBE(fentry, security_sock_graft)
PROBE(fexit, udp_sendmsg)
PROBE(fexit, udpv6_sendmsg)
PROBE(fentry, skb_consume_udp)
PROBE(fentry, udp_destroy_sock)
PROBE(fentry, udpv6_destroy_sock)

PROBE(kprobe, security_sock_graft)
PROBE(kprobe, udp_sendmsg)
PROBE(kretprobe, udp_sendmsg)
PROBE(kprobe, udpv6_sendmsg)
PROBE(kretprobe, udpv6_sendmsg)
PROBE(kprobe, skb_consume_udp)
PROBE(kprobe, udp_destroy_sock)
PROBE(kprobe, udpv6_destroy_sock)

CGROUP_PROBE(sendmsg4)
CGROUP_PROBE(sendmsg6)
CGROUP_PROBE(recvmsg4)
CGROUP_PROBE(recvmsg6)
CGROUP_PROBE(sock_release)

static long visit_walked(struct bpf_map *map, const __u32 *key, __u64 *value, void *unused)
{
	return 0;
}

/* libbpf has no such section: what the program calls is part of its name only. */
SEC("syscall")
int syscall__bpf_for_each_map_elem(void *ctx)
{
	bpf_for_each_map_elem(&walked, visit_walked, 0, 0);
	return 0;
}

PROBE(iter, bpf_map_elem)
PROBE(iter, task_file)
PROBE(iter, tcp)
