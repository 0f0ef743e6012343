/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A connection that is over, whose program can still read. The program, or MPTCP, may disconnect
 * the socket (tcp_disconnect()) before it closes it, which clears addresses and counters; so what
 * its event says of the socket is kept from the end of TCP on.
 */
#ifndef CONNTRACER_ENDING_H
#define CONNTRACER_ENDING_H

#include "events.h"

struct ending {
	struct endpoints ends;
	__u32 segments_sent;
	__u32 segments_received;
	__u32 segments_retransmitted;
	__u32 rtt_us;
	__u32 rtt_var_us;
	__u32 rtt_min_us;
};

/* Key of conns → its ending. Inserted at the end of TCP, where events are asked for; deleted when
 * the event is told. Where there is no room, the socket is asked instead. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct ending);
} endings SEC(".maps");

DEFINE_SOCK_READER(ending_from_sock, struct ending, DIRECT)

static __always_inline void keep_ending(struct tcp_sock *tp, __u64 key)
{
	struct ending ending = {};

	if (!wants(EVENT_CLOSE))
		return;
	endpoints_direct(&ending.ends, tp);
	ending_from_sock(&ending, tp);
	bpf_map_update_elem(&endings, &key, &ending, BPF_ANY);
}

/* Of a connection in PHASE_CLOSED. False where it is still to be told, by what the socket says. */
static __always_inline bool emit_ending(__u64 key, const struct conn *conn)
{
	const struct ending *ending;
	struct event *event;

	if (!wants(EVENT_CLOSE))
		return true;
	ending = bpf_map_lookup_elem(&endings, &key);
	if (!ending)
		return false;
	event = begin_event(EVENT_CLOSE, TCP_CLOSE, conn->error);
	if (event) {
		event_from_conn(event, conn);
		event_from_ends(event, &ending->ends);
		event->segments_sent = ending->segments_sent;
		event->segments_received = ending->segments_received;
		event->segments_retransmitted = ending->segments_retransmitted;
		event->rtt_us = ending->rtt_us;
		event->rtt_var_us = ending->rtt_var_us;
		event->rtt_min_us = ending->rtt_min_us;
		end_event(event);
	}
	bpf_map_delete_elem(&endings, &key);
	return true;
}

#endif
