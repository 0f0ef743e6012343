/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A connection that is over, of which its program has not read everything yet, or whose program is
 * not known for sure. Its event waits for that, for a moment. The program, or MPTCP, may disconnect
 * the socket (tcp_disconnect()) meanwhile, which clears addresses and counters; so what the event
 * says of the socket is kept from the end of TCP on.
 */
#ifndef CONNTRACER_ENDING_H
#define CONNTRACER_ENDING_H

#include "events.h"

struct ending {
	__u64 ended_ns;
	struct endpoints ends;
	__u32 segments_sent;
	__u32 segments_received;
	__u32 segments_retransmitted;
	__u32 rtt_us;
	__u32 rtt_var_us;
	__u32 rtt_min_us;
	__u32 pad;
};

/* Key of conns → its ending. Inserted at the end of TCP, where `close` is asked for; deleted by the
 * one that tells the event: of several concurrent deletes one succeeds. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct ending);
} endings SEC(".maps");

DEFINE_SOCK_READER(ending_from_sock, struct ending, DIRECT)

/* False where there is no room: then it is told at once. In place, as the stack has no room for it.
 */
static __always_inline bool keep_ending(struct tcp_sock *tp, __u64 key)
{
	static const struct ending none;
	struct ending *ending;

	if (!wants(EVENT_CLOSE))
		return true;
	if (insert(&endings, &key, &none))
		return false;
	ADD(shared.endings, 1);
	ending = bpf_map_lookup_elem(&endings, &key);
	if (!ending)
		return true;
	endpoints_direct(&ending->ends, tp);
	ending_from_sock(ending, tp);
	ending->ended_ns = bpf_ktime_get_ns();
	return true;
}

/* False where somebody else has taken it. */
static __always_inline bool take_ending(__u64 key)
{
	int err = bpf_map_delete_elem(&endings, &key);

	if (err)
		return false;
	ADD(shared.endings, -1);
	return true;
}

static __always_inline void event_from_ending(struct event *event, const struct ending *ending)
{
	event->time_ns = ending->ended_ns;
	event_from_ends(event, &ending->ends);
	event->segments_sent = ending->segments_sent;
	event->segments_received = ending->segments_received;
	event->segments_retransmitted = ending->segments_retransmitted;
	event->rtt_us = ending->rtt_us;
	event->rtt_var_us = ending->rtt_var_us;
	event->rtt_min_us = ending->rtt_min_us;
}

/* Of a connection in PHASE_CLOSED: its `close`, as of its end, with what was read until now. */
static __always_inline void emit_ending(__u64 key, const struct conn *conn)
{
	const struct ending *ending;
	struct event *event;

	if (!wants(EVENT_CLOSE))
		return;
	ending = bpf_map_lookup_elem(&endings, &key);
	if (!ending)
		return;
	event = begin_event(EVENT_CLOSE, TCP_CLOSE, conn->error);
	if (event) {
		event_from_conn(event, conn);
		event_from_ending(event, ending);
	}
	if (!take_ending(key)) {
		if (event)
			bpf_ringbuf_discard(event, BPF_RB_NO_WAKEUP);
	} else if (event) {
		end_event(event);
	}
}

#endif
