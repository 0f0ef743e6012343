/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The programs at functions of the kernel, for fentry and for kprobes. */
#ifndef CONNTRACER_FUNCTION_HOOKS_H
#define CONNTRACER_FUNCTION_HOOKS_H

#include "accept.h"
#include "once.h"
#include "udp_functions.h"
#include <bpf/bpf_tracing.h>

HANDLER(graft_handler);

SEC("fentry/security_sock_graft")
int BPF_PROG(fentry__security_sock_graft, struct sock *sk)
{
	on_accept(sk);
	have_no_private_stack(ctx, &graft_handler);
	return 0;
}

GATES_OF_PREEMPTED("fentry/security_sock_graft", fentry__security_sock_graft, graft_handler,
		   GRAFTED)

SEC("kprobe/security_sock_graft")
int BPF_KPROBE(kprobe__security_sock_graft, struct sock *sk)
{
	on_accept(sk);
	return 0;
}

HANDLER(sendmsg_handler);

SEC("fexit/udp_sendmsg")
int BPF_PROG(fexit__udp_sendmsg, struct sock *sk, struct msghdr *msg, unsigned long length,
	     int result)
{
	on_sendmsg_exit(sk, msg, result);
	have_no_private_stack(ctx, &sendmsg_handler);
	return 0;
}

GATES_OF_PREEMPTED("fexit/udp_sendmsg", fexit__udp_sendmsg, sendmsg_handler, CALLED_SENDMSG)

HANDLER(sendmsg6_handler);

SEC("fexit/udpv6_sendmsg")
int BPF_PROG(fexit__udpv6_sendmsg, struct sock *sk, struct msghdr *msg, unsigned long length,
	     int result)
{
	on_sendmsg6_exit(sk, msg, result);
	have_no_private_stack(ctx, &sendmsg6_handler);
	return 0;
}

GATES_OF_PREEMPTED("fexit/udpv6_sendmsg", fexit__udpv6_sendmsg, sendmsg6_handler, CALLED_SENDMSG6)

SEC("fexit/ip_append_page")
int BPF_PROG(fexit__ip_append_page, struct sock *sk, void *flow, void *page, int offset,
	     unsigned long size, int flags, long result)
{
	on_append_exit(sk, size, result);
	return 0;
}

HANDLER(consume_handler);

SEC("fentry/skb_consume_udp")
int BPF_PROG(fentry__skb_consume_udp, struct sock *sk, struct sk_buff *skb, int length)
{
	on_udp_received(sk, skb, length);
	have_no_private_stack(ctx, &consume_handler);
	return 0;
}

GATES_OF_PREEMPTED("fentry/skb_consume_udp", fentry__skb_consume_udp, consume_handler, CONSUMED)

SEC("fentry/udp_destroy_sock")
int BPF_PROG(fentry__udp_destroy_sock, struct sock *sk)
{
	on_udp_release(address_of(sk));
	return 0;
}

SEC("fentry/udpv6_destroy_sock")
int BPF_PROG(fentry__udpv6_destroy_sock, struct sock *sk)
{
	on_udp_release(address_of(sk));
	return 0;
}

SEC("kprobe/udp_sendmsg")
int BPF_KPROBE(kprobe__udp_sendmsg, struct sock *sk, struct msghdr *msg)
{
	on_sendmsg_entry(sk, msg);
	return 0;
}

SEC("kretprobe/udp_sendmsg")
int BPF_KRETPROBE(kretprobe__udp_sendmsg, int result)
{
	on_sendmsg_return(result);
	return 0;
}

SEC("kprobe/udpv6_sendmsg")
int BPF_KPROBE(kprobe__udpv6_sendmsg, struct sock *sk, struct msghdr *msg)
{
	on_sendmsg6_entry(sk, msg);
	return 0;
}

SEC("kretprobe/udpv6_sendmsg")
int BPF_KRETPROBE(kretprobe__udpv6_sendmsg, int result)
{
	on_sendmsg_return(result);
	return 0;
}

SEC("kprobe/ip_append_page")
int BPF_KPROBE(kprobe__ip_append_page, struct sock *sk, void *flow, void *page, int offset,
	       unsigned long size)
{
	on_append_entry(sk, size);
	return 0;
}

SEC("kretprobe/ip_append_page")
int BPF_KRETPROBE(kretprobe__ip_append_page, long result)
{
	on_append_return(result);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int udp__sched_process_exit(void *ctx)
{
	on_thread_exit();
	return 0;
}

SEC("kprobe/skb_consume_udp")
int BPF_KPROBE(kprobe__skb_consume_udp, struct sock *sk, struct sk_buff *skb, int length)
{
	on_udp_received(sk, skb, length);
	return 0;
}

SEC("kprobe/udp_destroy_sock")
int BPF_KPROBE(kprobe__udp_destroy_sock, struct sock *sk)
{
	on_udp_release(address_of(sk));
	return 0;
}

SEC("kprobe/udpv6_destroy_sock")
int BPF_KPROBE(kprobe__udpv6_destroy_sock, struct sock *sk)
{
	on_udp_release(address_of(sk));
	return 0;
}

#endif
