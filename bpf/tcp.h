/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The life of a TCP connection, from the state changes of its socket. Every
 * handler stands being called twice for one change.
 */
#ifndef CONNTRACER_TCP_H
#define CONNTRACER_TCP_H

#include "events.h"
#include "owner.h"

/* At the end of a connection: nothing refers to the slot any more. */
static __always_inline void forget(__u64 key, const struct conn *conn)
{
	if (conn->phase != PHASE_PENDING) {
		struct flow *flow = flow_at(conn->slot);

		if (flow)
			ADD(flow->references, -1);
	}
	bpf_map_delete_elem(&conns, &key);
}

static __always_inline void start_life(struct conn *conn)
{
	__u64 tag;

	conn->opened_ns = bpf_ktime_get_ns();
	/* An entry is never used twice within 128 ns, nor exactly 8 ms later. */
	tag = (conn->opened_ns >> 7) << COUNT_BITS;
	conn->sent_folded = tag;
	conn->received_folded = tag;
	conn->retransmitted_folded = tag;
	if (wants_events())
		conn->id = ADD(next_id, 1);
}

/* 0, -EEXIST where it is tracked already, or the map is full. */
static __always_inline long track(const struct tcp_sock *tp, const struct conn *conn)
{
	__u64 key = key_of(tp);
	struct conn *before;
	long err;

	err = bpf_map_update_elem(&conns, &key, conn, BPF_NOEXIST);
	if (err == -EEXIST) {
		/* connect() after connect(AF_UNSPEC): the socket starts another life. */
		before = bpf_map_lookup_elem(&conns, &key);
		if (before && before->phase == PHASE_PENDING)
			return -EEXIST;
		if (before)
			forget(key, before);
		err = bpf_map_update_elem(&conns, &key, conn, BPF_NOEXIST);
	}
	return err;
}

/* connect(): the caller is current. The local port is not chosen yet. */
static __always_inline void on_syn_sent(struct tcp_sock *tp)
{
	struct conn conn = {};
	long err;

	start_life(&conn);
	conn.netns = netns_of(sock_of(tp));
	conn.direction = DIRECTION_ACTIVE;
	owner_from_current(&conn.owner, ATTRIBUTION_TASK);
	err = track(tp, &conn);
	if (!err)
		COUNT_NETNS(sock_of(tp), active_opens, 1);
	else if (err != -EEXIST)
		LOST(connections_active, 1);
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
	struct owner *owner;
	__u64 listener;
	long err;

	start_life(&conn);
	conn.netns = netns_of(sock_of(tp));
	conn.direction = DIRECTION_PASSIVE;
	listener = (__u64)(unsigned long)tp->tsq_node.next -
		   bpf_core_field_offset(struct tcp_sock, tsq_node);
	owner = bpf_map_lookup_elem(&listeners, &listener);
	if (owner)
		conn.owner = *owner;
	err = track(tp, &conn);
	if (!err)
		COUNT_NETNS(sock_of(tp), passive_opens, 1);
	else if (err != -EEXIST)
		LOST(connections_passive, 1);
}

/* Runs on behalf of any process. */
static __always_inline void on_established(struct tcp_sock *tp, struct conn *conn)
{
	struct endpoints ends;
	struct flow *flow;

	if (conn->phase != PHASE_PENDING)
		return;
	/* bytes_acked counts the SYN of an active open, and no SYN of a passive one. */
	conn->sent_base =
		tp->snd_una - (__u32)tp->bytes_acked + (conn->direction == DIRECTION_ACTIVE);
	conn->received_base = tp->rcv_nxt - (__u32)tp->bytes_received;
	endpoints_direct(&ends, tp);
	flow = flow_of(conn, &ends);
	if (!flow)
		return;
	ADD(flow->references, 1);
	conn->phase = PHASE_OPEN;
	ADD(flow->opened, 1);
	if (wants_events())
		conn->established_ns = bpf_ktime_get_ns();
	emit(conn->direction == DIRECTION_ACTIVE ? EVENT_CONNECT : EVENT_ACCEPT, conn, tp,
	     TCP_ESTABLISHED, 0);
}

/* close() or shutdown(): the caller is current. */
static __always_inline void on_closing(struct tcp_sock *tp, struct conn *conn)
{
	struct flow *flow;

	if (!conn->close_reason)
		conn->close_reason = CLOSE_LOCAL;
	/* A TCP Fast Open child can be closed before its handshake is done. */
	on_established(tp, conn);
	/* Who closes is who held it: a better answer than who listened, or none. */
	if (conn->owner.attribution == ATTRIBUTION_TASK ||
	    conn->owner.attribution == ATTRIBUTION_SCAN || conn->phase != PHASE_OPEN)
		return;
	conn->owner.pid = bpf_get_current_pid_tgid() >> 32;
	conn->owner.attribution = ATTRIBUTION_SCAN;
	flow = flow_at(conn->slot);
	if (flow)
		flow->last_pid = conn->owner.pid;
}

static __always_inline void on_failed(struct tcp_sock *tp, struct conn *conn, __u64 key)
{
	struct endpoints ends;
	struct flow *flow;

	/* No port or no route: the SYN was never sent, and tcp_connect() did not count. */
	if (conn->direction == DIRECTION_ACTIVE && tp->segs_out == 0)
		COUNT_NETNS(sock_of(tp), active_opens, -1);
	endpoints_direct(&ends, tp);
	flow = flow_of(conn, &ends);
	if (flow)
		ADD(flow->failed, 1);
	if (conn->direction == DIRECTION_ACTIVE)
		emit(EVENT_CONNECT_FAILED, conn, tp, TCP_CLOSE, sock_of(tp)->sk_err);
	bpf_map_delete_elem(&conns, &key);
}

static __always_inline void fold_last(struct tcp_sock *tp, struct conn *conn, struct flow *flow,
				      bool fin_sent)
{
	struct tcp_counters tcp;
	struct payload payload;

	counters_direct(&tcp, tp);
	payload = payload_of(conn, &tcp, fin_sent);
	fold_sent(conn, flow, conn->sent_folded, payload.sent);
	fold_received(conn, flow, conn->sent_folded, payload.received);
	fold_quality(conn, flow, conn->sent_folded, &tcp);
}

/*
 * As tcp_done() and tcp_set_state() count, tracked or not. tcp_done() is for attempts that
 * failed, with the error in sk_err; one that the program gives up, or that finds no port,
 * goes to TCP_CLOSE without it, and is not counted.
 */
static __always_inline void count_end(struct sock *sk, int oldstate)
{
	if (oldstate == TCP_SYN_RECV || (oldstate == TCP_SYN_SENT && sk->sk_err))
		COUNT_NETNS(sk, attempt_fails, 1);
	else if (oldstate == TCP_ESTABLISHED || oldstate == TCP_CLOSE_WAIT)
		COUNT_NETNS(sk, estab_resets, 1);
}

/*
 * In TCP_CLOSE, as long as the program has not closed the socket. tcp_disconnect() throws
 * away what was not read; it is known by a connection that neither failed nor was shut down.
 */
static __always_inline bool can_still_read(struct sock *sk)
{
	if (has_flag(sk->__sk_common.skc_flags, SOCK_DEAD))
		return false;
	return sk->sk_err || sk->sk_shutdown == SHUTDOWN_MASK;
}

static __always_inline void on_close(struct tcp_sock *tp, int oldstate)
{
	__u64 key = key_of(tp);
	struct conn *conn;
	struct flow *flow;

	if (oldstate == TCP_LISTEN) {
		bpf_map_delete_elem(&listeners, &key);
		return;
	}
	count_end(sock_of(tp), oldstate);
	conn = bpf_map_lookup_elem(&conns, &key);
	if (!conn)
		return;
	if (conn->phase == PHASE_PENDING) {
		on_failed(tp, conn, key);
		return;
	}
	flow = flow_at(conn->slot);
	if (!flow || conn->phase != PHASE_OPEN)
		return;
	fold_last(tp, conn, flow, has_sent_fin(oldstate));
	conn->phase = PHASE_CLOSED;
	conn->close_reason = reason_of_end(conn, sock_of(tp), oldstate);
	conn->error = sock_of(tp)->sk_err;
	ADD(flow->closed, 1);
	if (!can_still_read(sock_of(tp))) {
		emit(EVENT_CLOSE, conn, tp, TCP_CLOSE, conn->error);
		forget(key, conn);
	}
}

static __always_inline void on_listen(struct tcp_sock *tp)
{
	__u64 key = key_of(tp);
	struct owner owner = {};

	owner_from_current(&owner, ATTRIBUTION_LISTENER);
	if (bpf_map_update_elem(&listeners, &key, &owner, BPF_ANY))
		LOST(listeners, 1);
}

static __always_inline void on_state(const struct sock *sk, int oldstate, int newstate)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct conn *conn;
	__u64 key;

	if (!tp) /* MPTCP, SCTP, DCCP */
		return;
	switch (newstate) {
	case TCP_LISTEN:
		on_listen(tp);
		break;
	case TCP_SYN_SENT:
		on_syn_sent(tp);
		break;
	case TCP_SYN_RECV:
		if (oldstate == TCP_LISTEN) /* else a simultaneous open */
			on_child(tp);
		break;
	case TCP_CLOSE:
		on_close(tp, oldstate);
		break;
	case TCP_CLOSE_WAIT:
		if (!wants_events())
			break;
		/* fall through */
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		key = key_of(tp);
		conn = bpf_map_lookup_elem(&conns, &key);
		if (!conn)
			break;
		if (newstate == TCP_ESTABLISHED)
			on_established(tp, conn);
		else if (newstate == TCP_CLOSE_WAIT)
			conn->close_reason = CLOSE_REMOTE;
		else
			on_closing(tp, conn);
		break;
	}
}

/* TCP is done and the program has closed it: what recv() still took is final now. */
static __always_inline void on_destroy(const struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct tcp_counters tcp;
	struct payload payload;
	struct conn *conn;
	struct flow *flow;
	__u64 key;

	if (!tp)
		return;
	key = key_of(tp);
	conn = bpf_map_lookup_elem(&conns, &key);
	if (!conn)
		return;
	flow = conn->phase == PHASE_PENDING ? 0 : flow_at(conn->slot);
	if (flow) {
		counters_direct(&tcp, tp);
		payload = payload_of(conn, &tcp, 0);
		fold_received(conn, flow, conn->sent_folded, payload.received);
		if (conn->phase == PHASE_OPEN) /* its TCP_CLOSE was missed */
			ADD(flow->closed, 1);
		emit(EVENT_CLOSE, conn, tp, TCP_CLOSE, conn->error);
	}
	forget(key, conn);
}

#endif
