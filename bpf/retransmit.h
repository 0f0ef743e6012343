/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What is sent again. Loaded only where that is asked for. */
#ifndef CONNTRACER_RETRANSMIT_H
#define CONNTRACER_RETRANSMIT_H

#include "events.h"
#include "kernel_packet.h"
#include "wanted.h"

/*
 * Since 6.17 (ad892e912b84) the tracepoint also tells of what failed before anything was
 * sent; total_retrans, as RetransSegs, does not count that.
 */
static __always_inline void on_retransmit(const struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct conn *conn;
	__u64 key;

	if (!tp)
		return;
	key = key_of(tp);
	conn = bpf_map_lookup_elem(&conns, &key);
	if (!conn) {
		emit_untracked(EVENT_RETRANSMIT, tp);
		return;
	}
	if (conn->seen_retransmitted == tp->total_retrans)
		return;
	conn->seen_retransmitted = tp->total_retrans;
	emit_now(EVENT_RETRANSMIT, conn, tp);
}

static __always_inline __u64 handshake_id(const struct handshake *key)
{
	__u64 *known = bpf_map_lookup_elem(&handshake_ids, key);
	__u64 id;

	if (known)
		return *known;
	id = TAKE(next_id);
	bpf_map_update_elem(&handshake_ids, key, &id, BPF_ANY);
	return id;
}

/* A request sock begins with a sock_common, as a socket does, and has no inet_sport. */
static __always_inline void handshake_from(struct handshake *to, const struct request_sock *req)
{
	struct tcp_sock *as_sock = (struct tcp_sock *)req;
	const struct tcp_request_sock *tcp = (const void *)req;

	__builtin_memset(to, 0, sizeof(*to));
	endpoints_probed(&to->tuple.ends, as_sock);
	to->tuple.ends.local_port = BPF_CORE_READ(req, __req_common.skc_num);
	to->tuple.netns = BPF_CORE_READ(req, __req_common.skc_net.net, ns.inum);
	to->isn = BPF_CORE_READ(tcp, snt_isn);
}

static __always_inline bool is_handshake_wanted(const struct listener *listener,
						const struct tuple *tuple)
{
	static const struct owner nobody;

	if (listener && !listener->is_wanted)
		return false;
	return is_wanted(&nobody, tuple->netns, IPPROTO_TCP, DIRECTION_PASSIVE, &tuple->ends);
}

/* There is no socket yet, except with TCP Fast Open: `sk` is the listener, or the child. */
static __always_inline void on_retransmit_synack(const struct sock *sk,
						 const struct request_sock *req)
{
	__u64 key = (__u64)(unsigned long)sk;
	struct listener *listener = bpf_map_lookup_elem(&listeners, &key);
	struct handshake handshake;
	struct event *event;

	if (!listener && bpf_map_lookup_elem(&conns, &key)) {
		on_retransmit(sk);
		return;
	}
	handshake_from(&handshake, req);
	if (!is_handshake_wanted(listener, &handshake.tuple))
		return;
	event = begin_event(EVENT_RETRANSMIT, TCP_SYN_RECV, 0);
	if (!event)
		return;
	event_from_nobody(event);
	if (listener)
		event_from_owner(event, &listener->owner);
	event_from_ends(event, &handshake.tuple.ends);
	event_without_counters(event);
	event->id = handshake_id(&handshake);
	event->netns = handshake.tuple.netns;
	event->direction = DIRECTION_PASSIVE;
	event->segments_retransmitted = BPF_CORE_READ(req, num_retrans) + 1; /* this one */
	end_event(event);
}

#endif
