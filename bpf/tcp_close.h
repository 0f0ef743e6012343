/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* How a TCP connection ends, or never begins. */
#ifndef CONNTRACER_TCP_CLOSE_H
#define CONNTRACER_TCP_CLOSE_H

#include "end_reason.h"
#include "tcp_open.h"

static __always_inline bool is_owner_sure(const struct conn *conn)
{
	return conn->owner.attribution == ATTRIBUTION_TASK ||
	       conn->owner.attribution == ATTRIBUTION_SCAN;
}

/*
 * While a look at files visits a file it holds it. If its program closes it just then, the socket
 * is closed by us.
 */
static __always_inline bool is_closed_by_look(void)
{
	return pid_tgid_of_current() >> 32 == host.own_pid;
}

/* Who closes is who held it: a better answer than who listened, or none. */
static __always_inline void owner_from_closer(struct tcp_sock *tp, struct conn *conn)
{
	struct flow *flow;

	if (is_owner_sure(conn) || !is_called_by_program(sock_of(tp)) || is_closed_by_look())
		return;
	identify_current(&conn->owner, ATTRIBUTION_SCAN);
	flow = flow_at(conn->slot);
	if (flow && is_named_so(flow, &conn->owner))
		note_owner(flow, &conn->owner);
}

/* close() or shutdown(). */
static __always_inline void on_closing(struct tcp_sock *tp, struct conn *conn)
{
	if (!conn->close_reason)
		conn->close_reason = CLOSE_LOCAL;
	if (wants_events() && sock_of(tp)->sk_shutdown == SHUTDOWN_MASK)
		conn->data_segments_at_close = tp->data_segs_in + 1;
	/* A TCP Fast Open child can be closed before its handshake is done. */
	if (!on_established(tp, conn))
		return;
	if (conn->phase == PHASE_OPEN)
		owner_from_closer(tp, conn);
}

static __always_inline void on_failed(struct tcp_sock *tp, struct conn *conn, __u64 key)
{
	struct endpoints ends;
	struct flow *flow;

	/* No port or no route: the SYN was never sent, and tcp_connect() did not count. */
	if (conn->direction == DIRECTION_ACTIVE && tp->segs_out == 0)
		count_netns(sock_of(tp), ACTIVE_OPENS, -1);
	endpoints_direct(&ends, tp);
	if (is_conn_wanted(conn, &ends)) {
		flow = flow_of(conn, &ends);
		if (flow)
			ADD(flow->failed, 1);
		if (conn->direction == DIRECTION_ACTIVE)
			emit(EVENT_CONNECT_FAILED, conn, tp, TCP_CLOSE, sock_of(tp)->sk_err);
	}
	bpf_map_delete_elem(&conns, &key);
}

/* The same, of an attempt that was left out at its SYN_SENT, by the same process. */
static __always_inline void on_left_out_failed(struct tcp_sock *tp, int oldstate)
{
	struct conn conn = {.l4_proto = IPPROTO_TCP};

	if (!filter.is_set || oldstate != TCP_SYN_SENT || tp->segs_out != 0)
		return;
	conn_from_caller(&conn, tp);
	if (!is_attempt_wanted(tp, &conn))
		count_netns(sock_of(tp), ACTIVE_OPENS, -1);
}

static __always_inline void fold_last(struct tcp_sock *tp, struct conn *conn, struct flow *flow,
				      bool fin_sent)
{
	struct tcp_counters tcp;
	struct payload payload;
	struct amounts amounts;

	counters_direct(&tcp, tp);
	payload = payload_of(conn, &tcp, fin_sent);
	amounts = amounts_of(&payload, &tcp);
	claim_at_end(conn, key_of(tp), &amounts);
	add_amounts(flow, &amounts);
	add_rtt(flow, &tcp);
}

/* What the program has taken since then. */
static __always_inline void fold_rest(struct conn *conn, __u64 key, struct flow *flow,
				      __u64 received)
{
	struct amounts amounts = {.of[RECEIVED] = received};

	claim_at_end(conn, key, &amounts);
	add_amounts(flow, &amounts);
}

/*
 * Not by tcp_done(), which is for what has failed, and comes with an error in sk_err or, where no
 * child can be made, with a socket that is dead.
 */
static __always_inline bool is_undone(const struct sock *sk)
{
	return !sk->sk_err && !has_flag(sk->__sk_common.skc_flags, SOCK_DEAD);
}

/*
 * Two CPUs can make a child of the same request, for an ACK and for what follows it. One of them
 * comes second and undoes its own (inet_ehash_nolisten); the connection goes on with the other.
 */
static __always_inline bool is_second_child(struct tcp_sock *tp, int oldstate)
{
	return oldstate == TCP_SYN_RECV && is_undone(sock_of(tp)) && !tp->fastopen_rsk;
}

/*
 * As tcp_done() and tcp_set_state() count, tracked or not: no attempt that the program gives up, or
 * that finds no port, in a call of its own. It may have taken the error away: see error_at_end().
 */
static __always_inline void count_end(struct sock *sk, int oldstate)
{
	if ((oldstate == TCP_SYN_RECV && !is_undone(sk)) ||
	    (oldstate == TCP_SYN_SENT && (sk->sk_err || !sk->sk_lock.owned)))
		count_netns(sk, ATTEMPT_FAILS, 1);
	else if (oldstate == TCP_ESTABLISHED || oldstate == TCP_CLOSE_WAIT)
		count_netns(sk, ESTAB_RESETS, 1);
}

/* close() with SO_LINGER of 0 calls tcp_disconnect(). */
static __always_inline bool is_disconnected_by_close(const struct sock *sk)
{
	return sk->sk_lock.owned && has_flag(sk->__sk_common.skc_flags, SOCK_LINGER) &&
	       sk->sk_lingertime == 0;
}

/*
 * In TCP_CLOSE, as long as the program has not closed the socket. What was neither shut down on
 * both sides nor has failed was reset by its own program, which will not read any more: by close(),
 * or by tcp_disconnect(), which throws away what was not read, and then the addresses.
 */
static __always_inline bool can_still_read(struct tcp_sock *tp, int oldstate)
{
	const struct sock *sk = sock_of(tp);

	if (has_flag(sk->__sk_common.skc_flags, SOCK_DEAD))
		return false;
	if (error_at_end(tp, oldstate))
		return true;
	if (oldstate == TCP_ESTABLISHED || oldstate == TCP_CLOSE_WAIT)
		return false;
	return sk->sk_shutdown == SHUTDOWN_MASK && !is_disconnected_by_close(sk);
}

/* Payload that its program has not taken; a FIN that it has not seen is none. */
static __always_inline bool has_unread(const struct conn *conn, struct tcp_sock *tp)
{
	__u32 end = tp->rcv_nxt - has_flag(sock_of(tp)->__sk_common.skc_flags, SOCK_DONE);

	return (__s32)(end - tp->copied_seq) > 0;
}

/* It may end before anybody has accepted it. */
static __always_inline void open_unaccepted(struct tcp_sock *tp, struct conn *conn)
{
	struct endpoints ends;

	if (!settings.accept_hooked || conn->phase != PHASE_UNACCEPTED)
		return;
	endpoints_direct(&ends, tp);
	open_conn(tp, conn, &ends, false);
}

/* A reset may be sent after this. */
static __always_inline void remember_end(struct tcp_sock *tp, const struct conn *conn)
{
	struct tuple tuple = {.netns = conn->netns};

	if (!wants(EVENT_RESET_SENT))
		return;
	endpoints_direct(&tuple.ends, tp);
	bpf_map_update_elem(&ended_conns, &tuple, conn, BPF_ANY);
}

static __always_inline void on_unlisten(struct tcp_sock *tp, __u64 key)
{
	struct listener *listener = bpf_map_lookup_elem(&listeners, &key);

	if (!listener)
		return;
	emit_listener(EVENT_UNLISTEN, listener, tp, TCP_CLOSE);
	bpf_map_delete_elem(&listeners, &key);
	/* Else clang makes one call of this and of another delete, whose map the verifier does not
	 * know. */
	asm volatile("" ::: "memory");
}

static __always_inline void on_close(struct tcp_sock *tp, int oldstate)
{
	__u64 key = key_of(tp);
	struct conn *conn;
	struct flow *flow;

	if (oldstate == TCP_LISTEN) {
		on_unlisten(tp, key);
		return;
	}
	count_end(sock_of(tp), oldstate);
	conn = bpf_map_lookup_elem(&conns, &key);
	if (!conn) {
		on_left_out_failed(tp, oldstate);
		return;
	}
	open_unaccepted(tp, conn);
	if (conn->phase == PHASE_PENDING) {
		if (is_second_child(tp, oldstate))
			forget(key, conn);
		else
			on_failed(tp, conn, key);
		return;
	}
	flow = flow_at(conn->slot);
	if (!flow || conn->phase != PHASE_OPEN)
		return;
	fold_last(tp, conn, flow, has_sent_fin(oldstate));
	conn->phase = PHASE_CLOSED;
	conn->close_reason = reason_of_end(conn, tp, oldstate);
	conn->error = error_of_end(conn, tp, oldstate);
	if (conn->close_reason == CLOSE_RESET_SENT && !conn->error)
		owner_from_closer(tp, conn);
	ADD(flow->closed, 1);
	remember_end(tp, conn);
	/* Its close() may tell whose it is, if that comes soon. */
	if (can_still_read(tp, oldstate) && (has_unread(conn, tp) || !is_owner_sure(conn)) &&
	    keep_ending(tp, key))
		return;
	emit(EVENT_CLOSE, conn, tp, TCP_CLOSE, conn->error);
	forget(key, conn);
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
	open_unaccepted(tp, conn);
	flow = has_flow(conn->phase) ? flow_at(conn->slot) : 0;
	if (flow) {
		counters_direct(&tcp, tp);
		payload = payload_of(conn, &tcp, 0);
		fold_rest(conn, key, flow, payload.received);
		if (conn->phase == PHASE_OPEN) /* its TCP_CLOSE was missed */
			ADD(flow->closed, 1);
		owner_from_closer(tp, conn);
		if (conn->phase == PHASE_CLOSED) {
			emit_ending(key, conn);
		} else {
			emit(EVENT_CLOSE, conn, tp, TCP_CLOSE, conn->error);
			remember_end(tp, conn);
		}
	}
	forget(key, conn);
}

#endif
