/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What open connections have moved so far, one record each, for user space that asks. */
#ifndef CONNTRACER_SHOW_H
#define CONNTRACER_SHOW_H

#include "events.h"
#include "unseen_end.h"
#include "walk.h"

static __always_inline void show_payload(struct event *event, const struct conn *conn,
					 struct tcp_sock *tp)
{
	struct tcp_counters tcp;
	struct payload payload;

	counters_probed(&tcp, tp);
	event->state = tcp.state;
	/* What was moved until then has been kept. */
	if (tcp.state == TCP_CLOSE || conn->is_uncounted)
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

/*
 * Which connections a walk shows, where the rows have a bound: those in whose hash these bits are
 * these. User space asks for smaller parts where one has more connections than there are rows.
 */
static __always_inline bool is_in_part(__u64 key)
{
	__u32 hash = (key * 0x9E3779B97F4A7C15ULL) >> 32; /* 2^64 divided by the golden ratio */

	return (hash & shared.shown_mask) == shared.shown_part;
}

/* Into the map `shown`: walks are one at a time. */
static __always_inline int show_in_row(struct conn *conn, const __u64 *key)
{
	__u32 row = shared.shown_rows;
	struct event *event;

	if (!is_in_part(*key) || !check_end(conn, *key))
		return VISIT_NEXT;
	event = bpf_map_lookup_elem(&shown, &row);
	if (!event) {
		shared.is_shown_full = 1;
		return VISIT_STOP;
	}
	__builtin_memset(event, 0, sizeof(*event));
	if (show_open(event, conn, key))
		shared.shown_rows = row + 1;
	return VISIT_NEXT;
}

static __always_inline int visit_show_conns(const __u64 *key, struct conn *conn,
					    struct seq_file *seq)
{
	struct event event = {};

	if (!seq)
		return show_in_row(conn, key);
	if (check_end(conn, *key) && show_open(&event, conn, key))
		bpf_seq_write(seq, &event, sizeof(event));
	return VISIT_NEXT;
}

#endif
