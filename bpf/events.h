/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What happens to a connection, one record each. Dead code where no events are asked for. */
#ifndef CONNTRACER_EVENTS_H
#define CONNTRACER_EVENTS_H

#include "fold.h"

static __always_inline bool wants_events(void)
{
	return settings.event_types != 0;
}

static __always_inline void event_from_conn(struct event *event, const struct conn *conn)
{
	event->id = conn->id;
	event->opened_ns = conn->opened_ns;
	event->established_ns = conn->established_ns;
	event->cgroup_id = conn->owner.cgroup_id;
	event->pid = conn->owner.pid;
	event->tid = conn->owner.tid;
	event->uid = conn->owner.uid;
	event->netns = conn->netns;
	event->direction = conn->direction;
	event->attribution = conn->owner.attribution;
	event->close_reason = conn->close_reason;
	event->bytes_sent = conn->sent_folded & COUNT_MASK;
	event->bytes_received = conn->received_folded & COUNT_MASK;
	__builtin_memcpy(event->comm, conn->owner.comm, sizeof(event->comm));
}

static __always_inline void event_from_ends(struct event *event, const struct endpoints *ends)
{
	__builtin_memcpy(event->local_address, ends->local_address, 16);
	__builtin_memcpy(event->remote_address, ends->remote_address, 16);
	event->local_port = ends->local_port;
	event->remote_port = ends->remote_port;
}

/* The RTT is kept in eighths, its deviation in quarters (tcp_rtt_estimator()). */
#define DEFINE_EVENT_READER(suffix, READ)                                                          \
	static __always_inline void event_from_sock_##suffix(struct event *event,                  \
							     struct tcp_sock *tp)                  \
	{                                                                                          \
		event->segments_sent = READ(tp, segs_out);                                         \
		event->segments_received = READ(tp, segs_in);                                      \
		event->segments_retransmitted = READ(tp, total_retrans);                           \
		event->rtt_us = READ(tp, srtt_us) >> 3;                                            \
		event->rtt_var_us = READ(tp, mdev_us) >> 2;                                        \
		event->rtt_min_us = event->rtt_us ? READ(tp, rtt_min.s[0].v) : 0;                  \
	}

DEFINE_EVENT_READER(direct, DIRECT)
DEFINE_EVENT_READER(probed, PROBED)

static __always_inline void emit_at(__u32 type, const struct conn *conn, struct tcp_sock *tp,
				    const struct endpoints *ends, __u8 state, __u32 error,
				    bool is_probed)
{
	struct event *event;

	if (!(settings.event_types & (1 << type)))
		return;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		LOST(events, 1);
		return;
	}
	/* After the reservation, so that the order of the buffer is nearly that of time. */
	event->time_ns = bpf_ktime_get_ns();
	event->cpu = bpf_get_smp_processor_id();
	event->type = type;
	event->state = state;
	event->error = error;
	__builtin_memset(event->pad, 0, sizeof(event->pad));
	event_from_conn(event, conn);
	event_from_ends(event, ends);
	if (is_probed)
		event_from_sock_probed(event, tp);
	else
		event_from_sock_direct(event, tp);
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

static __always_inline void emit(__u32 type, const struct conn *conn, struct tcp_sock *tp,
				 __u8 state, __u32 error)
{
	struct endpoints ends;

	if (!(settings.event_types & (1 << type)))
		return;
	endpoints_direct(&ends, tp);
	emit_at(type, conn, tp, &ends, state, error, false);
}

/* How a connection that was not closed by FIN alone has ended. */
static __always_inline __u8 reason_of_end(const struct conn *conn, const struct sock *sk,
					  int oldstate)
{
	if (sk->sk_err == ETIMEDOUT)
		return CLOSE_TIMEOUT;
	if (sk->sk_err == ECONNRESET || sk->sk_err == EPIPE) /* tcp_reset() */
		return CLOSE_RESET_RECEIVED;
	if (oldstate == TCP_ESTABLISHED || oldstate == TCP_CLOSE_WAIT)
		return CLOSE_RESET_SENT; /* close() with unread data, SO_LINGER of 0 */
	return conn->close_reason;
}

#endif
