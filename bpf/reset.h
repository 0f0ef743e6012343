/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Resets in both directions. Loaded only where they are asked for. */
#ifndef CONNTRACER_RESET_H
#define CONNTRACER_RESET_H

#include "end_reason.h"
#include "kernel_packet.h"
#include "wanted.h"

static __always_inline void on_receive_reset(const struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct conn *conn;
	__u64 key;

	if (!tp)
		return;
	key = key_of(tp);
	conn = bpf_map_lookup_elem(&conns, &key);
	if (!conn)
		emit_untracked(EVENT_RESET_RECEIVED, tp);
	else if (!is_answered_with_reset(conn, tp))
		emit_now(EVENT_RESET_RECEIVED, conn, tp);
}

/* False where the socket is of no connection. */
static __always_inline bool emit_reset_of(struct tcp_sock *tp)
{
	struct tuple tuple = {.netns = netns_of(sock_of(tp))};
	__u64 key = key_of(tp);
	struct conn *conn;

	if (sock_of(tp)->__sk_common.skc_state == TCP_LISTEN)
		return false;
	conn = bpf_map_lookup_elem(&conns, &key);
	if (!conn) { /* connect(AF_UNSPEC), or data that comes after close() */
		endpoints_direct(&tuple.ends, tp);
		conn = bpf_map_lookup_elem(&ended_conns, &tuple);
	}
	if (conn)
		emit_now(EVENT_RESET_SENT, conn, tp);
	else
		emit_untracked(EVENT_RESET_SENT, tp);
	return true;
}

/* The packet that is answered: its source is the remote end. True for a SYN. */
static __always_inline bool ends_from_packet(struct endpoints *ends, const struct sk_buff *skb)
{
	const __u8 *head = BPF_CORE_READ(skb, head);
	const __u8 *ip = head + BPF_CORE_READ(skb, network_header);
	const __u8 *tcp = head + BPF_CORE_READ(skb, transport_header);
	__u8 version = 0, flags = 0;
	__be16 ports[2] = {};

	bpf_probe_read_kernel(&version, sizeof(version), ip);
	bpf_probe_read_kernel(ports, sizeof(ports), tcp);
	bpf_probe_read_kernel(&flags, sizeof(flags), tcp + TCP_FLAGS);
	ends->remote_port = bpf_ntohs(ports[0]);
	ends->local_port = bpf_ntohs(ports[1]);
	if (version >> 4 == 6) {
		bpf_probe_read_kernel(ends->remote_address, 16, ip + IPV6_SOURCE);
		bpf_probe_read_kernel(ends->local_address, 16, ip + IPV6_DESTINATION);
	} else {
		ends->remote_address[2] = bpf_htonl(0xffff);
		ends->local_address[2] = bpf_htonl(0xffff);
		bpf_probe_read_kernel(&ends->remote_address[3], 4, ip + IPV4_SOURCE);
		bpf_probe_read_kernel(&ends->local_address[3], 4, ip + IPV4_DESTINATION);
	}
	return flags & TCP_FLAG_SYN;
}

/* As tcp_v4_send_reset() finds it where there is no socket. */
static __always_inline __u32 netns_of_packet(const struct sk_buff *skb)
{
	const struct dst_entry *dst = (const void *)(BPF_CORE_READ(skb, _skb_refdst) & ~1UL);

	return BPF_CORE_READ(dst, dev, nd_net.net, ns.inum);
}

/* In answer to a packet for no socket, for a listener, a handshake or TIME_WAIT. */
static __always_inline void emit_answer(__u64 sk, const struct sk_buff *skb)
{
	struct sock *socket = (struct sock *)(unsigned long)sk;
	__u8 state = sk ? BPF_CORE_READ(socket, __sk_common.skc_state) : TCP_CLOSE;
	struct listener *listener = bpf_map_lookup_elem(&listeners, &sk);
	static const struct owner nobody;
	struct tuple tuple = {};
	struct conn *ended = 0;
	struct event *event;

	tuple.netns = netns_of_packet(skb);
	if (!ends_from_packet(&tuple.ends, skb))
		ended = bpf_map_lookup_elem(&ended_conns, &tuple);
	if (!is_wanted(&nobody, tuple.netns, IPPROTO_TCP, DIRECTION_UNKNOWN, &tuple.ends))
		return;
	event = begin_event(EVENT_RESET_SENT, state, 0);
	if (!event)
		return;
	if (ended) {
		event_from_conn(event, ended);
		event->close_reason = CLOSE_UNKNOWN;
	} else {
		event_from_nobody(event);
		if (listener)
			event_from_owner(event, &listener->owner);
		event->id = TAKE(next_id);
		event->netns = tuple.netns;
	}
	event_from_ends(event, &tuple.ends);
	event_without_counters(event);
	end_event(event);
}

/*
 * Both may be NULL: skb for a reset that close() sends, and sk, since 6.10 (19822a980e19),
 * for one to a port where nobody listens. Before, the kernel does not tell of these.
 */
static __always_inline void on_send_reset(const void *ctx, const struct sock *sk)
{
	struct tcp_sock *tp = 0;
	__u64 arguments[2];

	if (sk)
		tp = bpf_skc_to_tcp_sock((void *)sk);
	if (tp && emit_reset_of(tp))
		return;
	/* Kernels that do not know that they may be NULL take a comparison with NULL out. */
	if (bpf_probe_read_kernel(arguments, sizeof(arguments), ctx) || !arguments[1])
		return;
	emit_answer(arguments[0], (const struct sk_buff *)(unsigned long)arguments[1]);
}

#endif
