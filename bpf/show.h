/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What open connections have moved so far, one record each, for user space that asks. */
#ifndef CONNTRACER_SHOW_H
#define CONNTRACER_SHOW_H

#include "events.h"

static __always_inline void show_payload(struct event *event, const struct conn *conn,
					 struct tcp_sock *tp)
{
	struct tcp_counters tcp;
	struct payload payload;

	counters_probed(&tcp, tp);
	event->state = tcp.state;
	/* What was moved until then has been kept. */
	if (tcp.state == TCP_CLOSE)
		return;
	payload = payload_of(conn, &tcp, has_sent_fin(tcp.state));
	event->bytes_sent = payload.sent;
	event->bytes_received = payload.received;
}

/*
 * Without its lock and without stopping it, as the fold: false where it ended meanwhile, and what
 * was read may be another connection's. As an event it is the one that it began with.
 */
static __always_inline bool show_open(struct event *event, struct conn *conn, const __u64 *key)
{
	__u64 tag = *(volatile __u64 *)&conn->folded[SENT];
	__u8 phase = *(volatile __u8 *)&conn->phase;
	struct tcp_sock *tp = (struct tcp_sock *)*(volatile __u64 *)key;
	struct endpoints ends;

	if (!has_flow(phase) || !is_of_tcp(tp))
		return false;
	event_from_conn(event, conn);
	endpoints_probed(&ends, tp);
	event_from_ends(event, &ends);
	event_from_sock_probed(event, tp);
	show_payload(event, conn, tp);
	event->time_ns = bpf_ktime_get_ns();
	event->type = conn->direction == DIRECTION_PASSIVE ? EVENT_ACCEPT : EVENT_CONNECT;
	return has_tag(*(volatile __u64 *)&conn->folded[SENT], tag);
}

#endif
