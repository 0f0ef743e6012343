/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What was there before the start, found through the files that processes hold. */
#ifndef CONNTRACER_SCAN_H
#define CONNTRACER_SCAN_H

#include "mptcp.h"
#include "tcp.h"
#include "tcp_socks.h"

VERIFIED_ONCE int adopt_listener(__u64 key, const struct owner *holder, __u64 task)
{
	struct listener listener = {}, *known;
	int err;

	if (!holder)
		return 0;
	listener.owner = *holder;
	listener.owner.attribution = ATTRIBUTION_LISTENER;
	listener.is_wanted = wants_pid(listener.owner.pid);
	note_process(&listener, task);
	if (wants_events())
		listener.id = TAKE(next_id);
	err = insert(&listeners, &key, &listener);
	if (err && err != -EEXIST)
		LOST(listeners, 1);
	known = bpf_map_lookup_elem(&listeners, &key);
	if (known && listener.is_wanted)
		known->is_wanted = true;
	return 0;
}

/*
 * Who opened it? bytes_acked counts the SYN on the side that sent it, bytes_sent
 * counts payload only: sequence numbers tell the two sides apart, and where the
 * payload begins, without knowing who listens.
 */
static __always_inline void find_bases(struct conn *conn, struct tcp_sock *tp,
				       const struct tcp_counters *tcp)
{
	__u32 acked_base = BPF_CORE_READ(tp, snd_una) - (__u32)tcp->bytes_acked;
	__u32 sent_once = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
	__u32 snd_nxt = BPF_CORE_READ(tp, snd_nxt);
	__u32 fin = has_sent_fin(tcp->state) && snd_nxt == tcp->write_seq;

	conn->received_base = tcp->rcv_nxt - (__u32)tcp->bytes_received;
	conn->sent_base = snd_nxt - fin - sent_once;
	if (conn->sent_base == acked_base)
		conn->direction = DIRECTION_PASSIVE;
	else if (conn->sent_base == acked_base + 1)
		conn->direction = DIRECTION_ACTIVE;
}

static __always_inline struct listening_port port_of(__u32 netns, __u16 port)
{
	struct listening_port key = {};

	key.netns = netns;
	key.port = port;
	return key;
}

static __always_inline void find_listener(struct conn *conn, const struct endpoints *ends)
{
	struct listening_port key = port_of(conn->netns, ends->local_port);
	struct owner *owner = bpf_map_lookup_elem(&listening_ports, &key);

	if (owner)
		conn->owner = *owner;
}

/*
 * `holder` is 0 where nobody holds it. Returns 0, also where nobody wants it; -EEXIST where it is
 * tracked already; or the map is full.
 */
static __always_inline int adopt_connection(struct tcp_sock *tp, const struct owner *holder)
{
	__u64 key = key_of(tp);
	struct tcp_counters tcp;
	struct endpoints ends;
	struct payload payload;
	struct amounts amounts;
	struct conn *conn;
	__u32 zero = 0;
	struct flow *flow;
	int err;

	if (bpf_map_lookup_elem(&conns, &key))
		return -EEXIST;
	conn = bpf_map_lookup_elem(&adopted_conn, &zero);
	if (!conn)
		return -EEXIST;
	__builtin_memset(conn, 0, sizeof(*conn));
	counters_probed(&tcp, tp);
	start_life(conn);
	conn->opened_ns = 0;
	conn->netns = BPF_CORE_READ(tp, SOCK_COMMON(skc_net.net), ns.inum);
	if (holder)
		conn->owner = *holder;
	endpoints_probed(&ends, tp);
	if (tcp.state == TCP_SYN_SENT) {
		conn->direction = DIRECTION_ACTIVE;
		if (!is_conn_wanted(conn, &ends))
			return 0;
		return insert(&conns, &key, conn);
	}
	find_bases(conn, tp, &tcp);
	payload = payload_of(conn, &tcp, has_sent_fin(tcp.state));
	amounts = amounts_of(&payload, &tcp);
	for (int i = 0; i < AMOUNTS; i++)
		conn->folded[i] |= amounts.of[i] & COUNT_MASK;
	remember_seen(conn, &tcp);
	conn->phase = PHASE_OPEN;
	if (conn->owner.attribution == ATTRIBUTION_NONE && conn->direction == DIRECTION_PASSIVE)
		find_listener(conn, &ends);
	if (!is_conn_wanted(conn, &ends))
		return 0;
	/* First the reference: from the insert on, the connection can end. */
	flow = refer_to_flow(conn, &ends);
	if (!flow)
		return -EEXIST;
	ADD(flow->adopted, 1);
	err = insert(&conns, &key, conn);
	if (err) {
		ADD(flow->references, -1);
		ADD(flow->adopted, -1);
	}
	return err;
}

/* Before the hooks are in, so that no connection comes to a listener that is not known. */
static __always_inline void adopt_if_listener(struct task_struct *task, struct file *file)
{
	struct tcp_socks found;
	struct owner holder = {};
	struct sock *sk;

	if (!find_tcp_socks(&found, file))
		return;
	identify_task(&holder, task, ATTRIBUTION_SCAN);
	for (int i = 0; i < MAX_SUBFLOWS && (sk = next_tcp_sock(&found)); i++)
		if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
			adopt_listener((__u64)(unsigned long)sk, &holder, as_number(task));
}

static __always_inline bool is_connection(__u8 state)
{
	switch (state) {
	case TCP_ESTABLISHED:
	case TCP_SYN_SENT:
	case TCP_CLOSE_WAIT:
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		return true;
	}
	return false;
}

VERIFIED_ONCE int adopt_socket(__u64 key, const struct owner *holder, __u64 task)
{
	struct tcp_sock *tp = (struct tcp_sock *)key;
	__u8 state = BPF_CORE_READ(tp, SOCK_COMMON(skc_state));
	int err;

	if (!holder)
		return 0;
	if (state == TCP_LISTEN) {
		adopt_listener(key, holder, task);
	} else if (is_connection(state)) {
		err = adopt_connection(tp, holder);
		if (asks_owner() && err && err != -EEXIST)
			LOST(connections_adopted, 1);
	}
	return 0;
}

/* After they are in, so that no connection ends unseen once it is adopted. */
static __always_inline void adopt_file(struct task_struct *task, struct file *file)
{
	struct tcp_socks found;
	struct owner holder = {};
	struct sock *sk;

	if (!find_tcp_socks(&found, file))
		return;
	identify_task(&holder, task, ATTRIBUTION_SCAN);
	for (int i = 0; i < MAX_SUBFLOWS && (sk = next_tcp_sock(&found)); i++)
		adopt_socket((__u64)(unsigned long)sk, &holder, as_number(task));
}

static __always_inline void note_listening_port(struct tcp_sock *tp)
{
	__u64 sk = key_of(tp);
	struct listener *listener = bpf_map_lookup_elem(&listeners, &sk);
	struct listening_port key = port_of(netns_of(sock_of(tp)), tp->SOCK_COMMON(skc_num));
	int err = 0;

	if (listener)
		err = bpf_map_update_elem(&listening_ports, &key, &listener->owner, BPF_ANY);
	if (err)
		LOST(listeners, 1);
}

/* Not yet accepted: it may still belong to somebody. */
static __always_inline bool may_be_accepted(struct tcp_sock *tp)
{
	return !has_file(socket_of_program(tp)) && !has_flag(tp->SOCK_COMMON(skc_flags), SOCK_DEAD);
}

/*
 * What no file leads to, as it waits to be accepted or its program has closed it. And what the scan
 * of files found no room for, to be counted once. Where it matters who holds a file, that scan
 * alone decides about what has one, and comes after this, so that nothing falls in between.
 */
static __always_inline void adopt_fileless(struct sock_common *common)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(common);
	int err = 0;

	if (!tp)
		return;
	if (tp->SOCK_COMMON(skc_state) == TCP_LISTEN)
		note_listening_port(tp);
	else if (is_connection(tp->SOCK_COMMON(skc_state)) &&
		 (!asks_owner() || may_be_accepted(tp)))
		err = adopt_connection(tp, 0);
	if (err && err != -EEXIST)
		LOST(connections_adopted, 1);
}

#endif
