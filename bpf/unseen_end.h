/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Connections whose end no hook has seen. The kernel may skip a program and not count it;
 * then an entry of conns stays, whose socket is free, or somebody else's.
 */
#ifndef CONNTRACER_UNSEEN_END_H
#define CONNTRACER_UNSEEN_END_H

#include "tcp_close.h"
#include "uncounted.h"
#include "walk.h"

/* An end that a hook is just about to see looks the same, but not for as long as this: a task that
 * was preempted on its way there waits for a CPU. */
enum { DOUBT_SHIFT = 20, DOUBT_TICKS = 5000 }; /* of 2^20 ns */

/* Hooks change the phase before the kernel changes the state. */
static __always_inline bool is_its_state(__u8 phase, __u8 state)
{
	switch (state) {
	case TCP_SYN_SENT:
	case TCP_SYN_RECV:
		return phase == PHASE_PENDING;
	case TCP_CLOSE: /* a program still holds it */
		return phase == PHASE_CLOSED;
	case TCP_LISTEN:
	case TCP_TIME_WAIT:
	case TCP_NEW_SYN_RECV:
		return false;
	}
	/* No state is 0: the memory of the socket was given back, and cleared. */
	return state != 0 && state <= TCP_CLOSING && phase != PHASE_CLOSED;
}

static __always_inline bool is_doubtful(struct conn *conn, struct tcp_sock *tp)
{
	__u8 phase = *(volatile __u8 *)&conn->phase;

	if (!is_its_state(phase, BPF_CORE_READ(tp, SOCK_COMMON(skc_state))))
		return true;
	/* What is free looks closed. Of the others the fold asks this, if they have moved. */
	return phase == PHASE_CLOSED && !is_of_tcp(tp);
}

/* Of each entry of conns. False where its socket must not be read. */
static __always_inline bool check_end(struct conn *conn, __u64 key)
{
	__u32 now = (bpf_ktime_get_ns() >> DOUBT_SHIFT) | 1;

	if (!is_doubtful(conn, (struct tcp_sock *)key)) {
		if (conn->doubted_at)
			conn->doubted_at = 0;
		note_uncounted(conn, (struct tcp_sock *)key);
		return true;
	}
	if (!conn->doubted_at)
		conn->doubted_at = now;
	else if (now - conn->doubted_at > DOUBT_TICKS)
		end_unseen(key, conn);
	return false;
}

/*
 * Of each entry of conns: adds what an open connection has moved to its flow, and finds one that
 * has ended.
 */
static __always_inline int visit_fold_conns(const __u64 *key, struct conn *conn,
					    struct seq_file *seq)
{
	shared.walked++;
	if (check_end(conn, *key) && !wants_events())
		fold_open(conn, key);
	if (!is_idle(conn))
		keep_awake(*key);
	return VISIT_NEXT;
}

/* How long a program may take to read what is left, before its connection is told to be over. */
enum { READ_NS = 500000000 };

/* What its program has read by now, as the hook at the end adds it. */
static __always_inline void fold_read(struct conn *conn, __u64 key)
{
	struct tcp_sock *tp = (struct tcp_sock *)key;
	struct flow *flow = flow_at(conn->slot);
	struct tcp_counters tcp;
	struct payload payload;

	if (!flow || !is_of_tcp(tp))
		return;
	counters_probed(&tcp, tp);
	payload = payload_of(conn, &tcp, 0);
	fold_rest(conn, key, flow, payload.received);
}

/* Of each entry of endings: tells the event of one that has waited long enough. */
static __always_inline int visit_tell_endings(const __u64 *at, struct ending *ending,
					      struct seq_file *seq)
{
	__u64 key = *at, id;
	struct conn *conn = bpf_map_lookup_elem(&conns, &key);

	if (!conn) {
		take_ending(key);
		return VISIT_NEXT;
	}
	if (conn->phase != PHASE_CLOSED || !ending->ended_ns ||
	    bpf_ktime_get_ns() - ending->ended_ns < READ_NS)
		return VISIT_NEXT;
	id = conn->id;
	fold_read(conn, key);
	/* Its program may have closed it just now, and another connection have the entry. */
	if (*(volatile __u64 *)&conn->id != id || conn->phase != PHASE_CLOSED)
		return VISIT_NEXT;
	emit_ending(key, conn);
	forget(key, conn);
	return VISIT_NEXT;
}

/* Of each key in awake: the same, where there are so many connections that most of them wait. */
static __always_inline int visit_fold_awake(const __u64 *noted, __u32 *none, struct seq_file *seq)
{
	__u64 key = *noted;
	struct conn *conn = bpf_map_lookup_elem(&conns, &key);

	if (conn && check_end(conn, key) && !wants_events())
		fold_open(conn, &key);
	if (!conn || is_idle(conn))
		bpf_map_delete_elem(&awake, &key);
	return VISIT_NEXT;
}

#endif
