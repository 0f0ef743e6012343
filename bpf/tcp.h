/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The life of a TCP connection, from the state changes of its socket. Every
 * handler stands being called twice for one change.
 */
#ifndef CONNTRACER_TCP_H
#define CONNTRACER_TCP_H

#include "tcp_close.h"
#include "uncounted.h"

static __always_inline void on_listen(struct tcp_sock *tp)
{
	__u64 key = key_of(tp);
	struct listener *before = bpf_map_lookup_elem(&listeners, &key);
	struct listener listener = {};

	if (before && before->owner.tid == (__u32)pid_tgid_of_current())
		return;
	identify_current(&listener.owner, ATTRIBUTION_TASK);
	if (wants_events()) {
		listener.opened_ns = bpf_ktime_get_ns();
		listener.id = TAKE(next_id);
	}
	emit_listener(EVENT_LISTEN, &listener, tp, TCP_LISTEN);
	listener.owner.attribution = ATTRIBUTION_LISTENER;
	listener.is_wanted = wants_pid(listener.owner.pid);
	note_process(&listener, bpf_get_current_task());
	ADD(shared.listens, 1);
	if (bpf_map_update_elem(&listeners, &key, &listener, BPF_ANY))
		LOST(listeners, 1);
}

/* Not those between two FINs; that of the peer is the reason of an end, which only events tell. */
static __always_inline bool is_change_of_interest(int newstate)
{
	__u32 states = 1 << TCP_LISTEN | 1 << TCP_SYN_SENT | 1 << TCP_SYN_RECV |
		       1 << TCP_ESTABLISHED | 1 << TCP_FIN_WAIT1 | 1 << TCP_LAST_ACK |
		       1 << TCP_CLOSE;

	if (wants_events())
		states |= 1 << TCP_CLOSE_WAIT;
	return states & (1 << newstate);
}

/* When the program closes it itself, it has left a sockmap before its state changes. */
static __always_inline void on_fin_received(struct tcp_sock *tp, struct conn *conn)
{
	conn->close_reason = CLOSE_REMOTE;
	note_uncounted(conn, tp);
}

/* For a change of interest. */
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
			on_fin_received(tp, conn);
		else
			on_closing(tp, conn);
		break;
	}
}

#endif
