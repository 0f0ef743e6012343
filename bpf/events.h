/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What happens to a connection, one record each. Dead code where no events are asked for. */
#ifndef CONNTRACER_EVENTS_H
#define CONNTRACER_EVENTS_H

#include "fold.h"

static __always_inline void event_from_owner(struct event *event, const struct owner *owner)
{
	event->cgroup_id = owner->cgroup_id;
	event->pid = owner->pid;
	event->tid = owner->tid;
	event->uid = owner->uid;
	event->cgroup_v1 = owner->cgroup_v1;
	event->attribution = owner->attribution;
	event->image = owner->image;
	__builtin_memcpy(event->comm, owner->comm, sizeof(event->comm));
}

static __always_inline void event_from_conn(struct event *event, const struct conn *conn)
{
	event_from_owner(event, &conn->owner);
	event->id = conn->id;
	event->opened_ns = conn->opened_ns;
	event->established_ns = conn->established_ns;
	event->netns = conn->netns;
	event->direction = conn->direction;
	event->close_reason = conn->close_reason;
	event->preexisting = !conn->opened_ns;
	if (conn->is_uncounted) {
		event->bytes_sent = event->bytes_received = BYTES_UNKNOWN;
		return;
	}
	event->bytes_sent = conn->folded[SENT] & COUNT_MASK;
	event->bytes_received = conn->folded[RECEIVED] & COUNT_MASK;
}

static __always_inline void event_from_ends(struct event *event, const struct endpoints *ends)
{
	__builtin_memcpy(event->local_address, ends->local_address, 16);
	__builtin_memcpy(event->remote_address, ends->remote_address, 16);
	event->local_port = ends->local_port;
	event->remote_port = ends->remote_port;
}

/* The RTT is kept in eighths, its deviation in quarters (tcp_rtt_estimator()). */
#define DEFINE_SOCK_READER(name, type, READ)                                                       \
	static __always_inline void name(type *to, struct tcp_sock *tp)                            \
	{                                                                                          \
		to->segments_sent = READ(tp, segs_out);                                            \
		to->segments_received = READ(tp, segs_in);                                         \
		to->segments_retransmitted = READ(tp, total_retrans);                              \
		to->rtt_us = READ(tp, srtt_us) >> 3;                                               \
		to->rtt_var_us = READ(tp, mdev_us) >> 2;                                           \
		to->rtt_min_us = to->rtt_us ? READ(tp, rtt_min.s[0].v) : 0;                        \
	}

DEFINE_SOCK_READER(event_from_sock_direct, struct event, DIRECT)
DEFINE_SOCK_READER(event_from_sock_probed, struct event, PROBED)

static __always_inline bool wants(__u32 type)
{
	return settings.event_types & (1 << type);
}

/* Room in the ring buffer; 0 where the event is not asked for, or finds none. */
static __always_inline struct event *begin_event(__u32 type, __u8 state, __u32 error)
{
	struct event *event;

	if (!wants(type))
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		LOST(events, 1);
		return 0;
	}
	/* After the reservation, so that the order of the buffer is nearly that of time. */
	event->time_ns = bpf_ktime_get_ns();
	event->cpu = bpf_get_smp_processor_id();
	event->type = type;
	event->state = state;
	event->error = error;
	return event;
}

static __always_inline void end_event(struct event *event)
{
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

/* The socket's fields are probed where `is_probed`. */
static __always_inline void emit_at(__u32 type, const struct conn *conn, struct tcp_sock *tp,
				    const struct endpoints *ends, __u8 state, __u32 error,
				    bool is_probed)
{
	struct event *event = begin_event(type, state, error);

	if (!event)
		return;
	event_from_conn(event, conn);
	event_from_ends(event, ends);
	if (is_probed)
		event_from_sock_probed(event, tp);
	else
		event_from_sock_direct(event, tp);
	end_event(event);
}

static __always_inline void emit(__u32 type, const struct conn *conn, struct tcp_sock *tp,
				 __u8 state, __u32 error)
{
	struct endpoints ends;

	if (!wants(type))
		return;
	endpoints_direct(&ends, tp);
	emit_at(type, conn, tp, &ends, state, error, false);
}

/* Where there is no socket that has any. */
static __always_inline void event_without_counters(struct event *event)
{
	event->segments_sent = 0;
	event->segments_received = 0;
	event->segments_retransmitted = 0;
	event->rtt_us = 0;
	event->rtt_var_us = 0;
	event->rtt_min_us = 0;
}

/* No payload, and nobody to speak of. */
static __always_inline void event_from_nobody(struct event *event)
{
	static const struct owner nobody;

	event_from_owner(event, &nobody);
	event->id = 0;
	event->opened_ns = 0;
	event->established_ns = 0;
	event->bytes_sent = 0;
	event->bytes_received = 0;
	event->netns = 0;
	event->direction = DIRECTION_UNKNOWN;
	event->close_reason = CLOSE_UNKNOWN;
	event->preexisting = 0;
}

static __always_inline void emit_listener(__u32 type, const struct listener *listener,
					  struct tcp_sock *tp, __u8 state)
{
	struct event *event = begin_event(type, state, 0);
	struct endpoints ends;

	if (!event)
		return;
	event_from_nobody(event);
	event_from_owner(event, &listener->owner);
	event->id = listener->id;
	event->opened_ns = listener->opened_ns;
	event->netns = netns_of(sock_of(tp));
	event->direction = DIRECTION_PASSIVE;
	event->preexisting = !listener->opened_ns;
	endpoints_direct(&ends, tp);
	event_from_ends(event, &ends);
	event_from_sock_direct(event, tp);
	end_event(event);
}

/* Of a connection that may still move payload. Its lock is held. */
static __always_inline void emit_now(__u32 type, const struct conn *conn, struct tcp_sock *tp)
{
	__u8 state = sock_of(tp)->__sk_common.skc_state;
	struct event *event = begin_event(type, state, 0);
	struct tcp_counters tcp;
	struct payload payload;
	struct endpoints ends;

	if (!event)
		return;
	event_from_conn(event, conn);
	endpoints_direct(&ends, tp);
	event_from_ends(event, &ends);
	event_from_sock_direct(event, tp);
	event->close_reason = CLOSE_UNKNOWN;
	if (conn->phase != PHASE_PENDING && state != TCP_CLOSE && !conn->is_uncounted) {
		counters_direct(&tcp, tp);
		payload = payload_of(conn, &tcp, has_sent_fin(state));
		event->bytes_sent = payload.sent;
		event->bytes_received = payload.received;
	}
	end_event(event);
}

/* Of a connection that found no room in conns; with a filter, it may just be not wanted. */
static __always_inline void emit_untracked(__u32 type, struct tcp_sock *tp)
{
	struct endpoints ends;
	struct event *event;

	if (filter.is_set)
		return;
	event = begin_event(type, sock_of(tp)->__sk_common.skc_state, 0);
	if (!event)
		return;
	event_from_nobody(event);
	event->id = TAKE(next_id);
	event->netns = netns_of(sock_of(tp));
	endpoints_direct(&ends, tp);
	event_from_ends(event, &ends);
	event_from_sock_direct(event, tp);
	end_event(event);
}

#endif
