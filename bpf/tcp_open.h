/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* How a TCP connection begins. */
#ifndef CONNTRACER_TCP_OPEN_H
#define CONNTRACER_TCP_OPEN_H

#include "ending.h"
#include "image.h"
#include "listener.h"
#include "wanted.h"

/* At the end of a connection: nothing refers to the slot any more. */
static __always_inline void forget(__u64 key, struct conn *conn)
{
	end_claims(conn);
	if (has_flow(conn->phase)) {
		struct flow *flow = flow_at(conn->slot);

		if (flow)
			ADD(flow->references, -1);
	}
	bpf_map_delete_elem(&conns, &key);
}

/* It is over, and all that is known of it is what has been added up so far. */
static __always_inline void end_unseen(__u64 key, struct conn *conn)
{
	struct flow *flow = conn->phase == PHASE_OPEN ? flow_at(conn->slot) : 0;

	LOST(ends, 1);
	if (flow)
		ADD(flow->closed, 1);
	if (conn->phase == PHASE_CLOSED)
		emit_ending(key, conn);
	forget(key, conn);
}

/* The socket starts another life. What tcp_disconnect() ends once more has been counted. */
static __always_inline void end_earlier_life(__u64 key, struct conn *conn)
{
	if (conn->phase != PHASE_CLOSED) {
		end_unseen(key, conn);
		return;
	}
	emit_ending(key, conn);
	forget(key, conn);
}

static __always_inline void start_life(struct conn *conn)
{
	__u64 tag;

	conn->l4_proto = IPPROTO_TCP;
	conn->opened_ns = bpf_ktime_get_ns();
	/* An entry is never used twice within 128 ns, nor exactly 8 ms later. */
	tag = (conn->opened_ns >> 7) << COUNT_BITS;
	for (int i = 0; i < AMOUNTS; i++)
		conn->folded[i] = tag;
	if (wants_events())
		conn->id = TAKE(next_id);
}

enum { TWICE_NS = 1000000000 };

/* Of this very attempt: no earlier one of the socket, whose end nobody saw. */
static __always_inline bool is_told_twice(const struct conn *before)
{
	return before->phase == PHASE_PENDING && bpf_ktime_get_ns() - before->opened_ns < TWICE_NS;
}

/* 0, -EEXIST where it is tracked already, or the map is full. */
static __always_inline int track(const struct tcp_sock *tp, const struct conn *conn)
{
	__u64 key = key_of(tp);
	struct conn *before;
	int err;

	err = insert(&conns, &key, conn);
	if (err == -EEXIST) {
		before = bpf_map_lookup_elem(&conns, &key);
		if (before && is_told_twice(before))
			return -EEXIST;
		if (before)
			end_earlier_life(key, before);
		err = insert(&conns, &key, conn);
	}
	return err;
}

/* For a connection that nobody wants: the same, but that it leaves no entry. */
static __always_inline int leave_out(const struct tcp_sock *tp)
{
	__u64 key = key_of(tp);
	struct conn *before = bpf_map_lookup_elem(&conns, &key);

	if (before && is_told_twice(before))
		return -EEXIST;
	if (before)
		end_earlier_life(key, before);
	return 0;
}

/* In connect(), and where it fails at once. */
static __always_inline bool is_attempt_wanted(struct tcp_sock *tp, const struct conn *conn)
{
	struct endpoints ends;

	if (!filter.is_set)
		return true;
	endpoints_direct(&ends, tp);
	/* The port that it is bound to, or 0; inet_sport may be of an earlier life. */
	ends.local_port = tp->SOCK_COMMON(skc_num);
	return is_conn_wanted(conn, &ends);
}

/*
 * MPTCP opens all subflows but the first from a kworker: they belong to whom the first one does, or
 * to nobody that is known, where that one is not tracked. False where it is no subflow.
 */
static __always_inline bool owner_from_first_subflow(struct owner *owner, struct tcp_sock *tp)
{
	struct mptcp_subflow_context *subflow = tp->inet_conn.icsk_ulp_data;
	struct mptcp_sock *msk;
	struct conn *first;
	__u64 key;

	if (!bpf_core_type_exists(struct mptcp_sock) || !tp->is_mptcp || !subflow)
		return false;
	msk = (struct mptcp_sock *)BPF_CORE_READ(subflow, conn);
	key = (__u64)(unsigned long)BPF_CORE_READ(msk, first);
	first = bpf_map_lookup_elem(&conns, &key);
	if (first)
		*owner = first->owner;
	return true;
}

static __always_inline void conn_from_caller(struct conn *conn, struct tcp_sock *tp)
{
	conn->netns = netns_of(sock_of(tp));
	conn->direction = DIRECTION_ACTIVE;
	if (!is_kernel_thread() || !owner_from_first_subflow(&conn->owner, tp))
		identify_current(&conn->owner, ATTRIBUTION_TASK);
}

/* connect(): the caller is current. The local port is not chosen yet. */
static __always_inline void on_syn_sent(struct tcp_sock *tp)
{
	struct conn conn = {};
	int err;

	start_life(&conn);
	conn_from_caller(&conn, tp);
	err = is_attempt_wanted(tp, &conn) ? track(tp, &conn) : leave_out(tp);
	if (!err)
		count_netns(sock_of(tp), ACTIVE_OPENS, 1);
	else if (err != -EEXIST)
		LOST(connections_active, 1);
}

/*
 * The peer is not known yet; nor, with a listener that takes both, the family. Who will accept it
 * is one of those that hold the listening socket.
 */
static __always_inline bool is_child_wanted(struct tcp_sock *tp, const struct conn *conn,
					    const struct listener *listener)
{
	struct endpoints ends;

	if (!filter.is_set)
		return true;
	if (listener && !listener->is_wanted)
		return false;
	endpoints_direct(&ends, tp);
	ends.remote_port = 0;
	if (tp->SOCK_COMMON(skc_family) != AF_INET)
		__builtin_memset(ends.remote_address, 0, 16);
	return is_conn_wanted(conn, &ends);
}

/*
 * A child was cloned from its listener (inet_csk_clone_lock), in softirq. Its
 * addresses are not set yet, and it has no pointer to the listener; but its
 * tsq_node, an empty list, still points to the listener's own, which
 * tcp_create_openreq_child() mends right after. `listeners` confirms the guess.
 */
static __always_inline void on_child(struct tcp_sock *tp)
{
	struct conn conn = {};
	struct listener *listener;
	__u64 key;
	int err;

	start_life(&conn);
	conn.netns = netns_of(sock_of(tp));
	conn.direction = DIRECTION_PASSIVE;
	key = (__u64)(unsigned long)tp->tsq_node.next -
	      bpf_core_field_offset(struct tcp_sock, tsq_node);
	listener = bpf_map_lookup_elem(&listeners, &key);
	if (listener)
		owner_of_listener(&conn.owner, listener);
	err = is_child_wanted(tp, &conn, listener) ? track(tp, &conn) : leave_out(tp);
	if (!err)
		count_netns(sock_of(tp), PASSIVE_OPENS, 1);
	else if (err != -EEXIST)
		LOST(connections_passive, 1);
}

/* Its SYN-ACK was retransmitted, and had an id before there was a socket. */
static __always_inline void take_handshake_id(struct conn *conn, const struct endpoints *ends)
{
	struct handshake key = {
		.tuple = {.ends = *ends, .netns = conn->netns},
		.isn = conn->sent_base - 1,
	};
	__u64 *id = bpf_map_lookup_elem(&handshake_ids, &key);

	if (id)
		conn->id = *id;
}

/* Into its flow, or out as an event. The socket's fields are probed where `is_probed`. */
static __always_inline void open_conn(struct tcp_sock *tp, struct conn *conn,
				      const struct endpoints *ends, bool is_probed)
{
	__u32 type = conn->direction == DIRECTION_ACTIVE ? EVENT_CONNECT : EVENT_ACCEPT;
	struct flow *flow = refer_to_flow(conn, ends);

	if (!flow)
		return;
	conn->phase = PHASE_OPEN;
	ADD(flow->opened, 1);
	keep_awake(key_of(tp));
	emit_at(type, conn, tp, ends, TCP_ESTABLISHED, 0, is_probed);
}

/* Runs on behalf of any process. False where nobody wants it: `conn` is gone then. */
static __always_inline bool on_established(struct tcp_sock *tp, struct conn *conn)
{
	__u64 key = key_of(tp);
	struct endpoints ends;

	if (conn->phase != PHASE_PENDING)
		return true;
	endpoints_direct(&ends, tp);
	if (!is_conn_wanted(conn, &ends)) {
		bpf_map_delete_elem(&conns, &key);
		return false;
	}
	/*
	 * bytes_acked counts the SYN of an active open, and no SYN of a passive one, nor of one
	 * that is restored (TCP_REPAIR), which sends none.
	 */
	conn->sent_base = tp->snd_una - (__u32)tp->bytes_acked +
			  (conn->direction == DIRECTION_ACTIVE && tp->bytes_acked);
	conn->received_base = tp->rcv_nxt - (__u32)tp->bytes_received;
	if (wants_events())
		conn->established_ns = bpf_ktime_get_ns();
	if (wants(EVENT_RETRANSMIT) && conn->direction == DIRECTION_PASSIVE)
		take_handshake_id(conn, &ends);
	/* With TCP Fast Open accept() can come first. */
	if (settings.accept_hooked && conn->direction == DIRECTION_PASSIVE &&
	    conn->owner.attribution != ATTRIBUTION_TASK)
		conn->phase = PHASE_UNACCEPTED;
	else
		open_conn(tp, conn, &ends, false);
	return true;
}

#endif
