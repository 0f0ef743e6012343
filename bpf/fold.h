/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel's own counters of a connection, and how they get into its flow.
 *
 * Payload is what the program moved: bytes that send() accepted, whether they
 * were acknowledged or not, and bytes that recv() took, whether more lie in the
 * queue or not. The 64-bit counters of struct tcp_sock count something else
 * (bytes_acked: the SYN and the FIN too; bytes_received: the FIN, and what nobody
 * has read), so they only give the high bits to a distance of sequence numbers.
 */
#ifndef CONNTRACER_FOLD_H
#define CONNTRACER_FOLD_H

#include "counters.h"
#include "flows.h"

#define COUNT_BITS 48
#define COUNT_MASK ((1ULL << COUNT_BITS) - 1)

struct payload {
	__u64 sent;
	__u64 received;
};

static __always_inline struct payload payload_of(const struct conn *conn,
						 const struct tcp_counters *tcp, bool fin_sent)
{
	struct payload payload;
	__u32 unread, fin_taken;

	/* The distance is what is not acknowledged yet, less a SYN that was. */
	payload.sent = tcp->bytes_acked +
		       (__s32)(tcp->write_seq - conn->sent_base - (__u32)tcp->bytes_acked) -
		       fin_sent;
	/* recv() steps over the FIN, too. */
	unread = (__u32)tcp->bytes_received - (tcp->copied_seq - conn->received_base);
	fin_taken = has_flag(tcp->skc_flags, SOCK_DONE) && tcp->copied_seq == tcp->rcv_nxt;
	if (unread > tcp->bytes_received) /* tcp_disconnect() has set them back */
		payload.received = 0;
	else
		payload.received = tcp->bytes_received - unread - fin_taken;
	return payload;
}

/*
 * How much of `now` no one has added to the flow yet. The caller adds it, and
 * nobody else will. Counts never go back: a reader that comes late gets 0.
 */
static __always_inline __u64 claim(__u64 *folded, __u64 tag, __u64 now)
{
	__u64 old, delta;

#pragma unroll
	for (int attempt = 0; attempt < 2; attempt++) {
		old = *(volatile __u64 *)folded;
		if ((old ^ tag) & ~COUNT_MASK)
			return 0;
		delta = (now - old) & COUNT_MASK;
		if (delta == 0 || delta > COUNT_MASK / 2)
			return 0;
		if (__sync_val_compare_and_swap(folded, old,
						(tag & ~COUNT_MASK) | (now & COUNT_MASK)) == old)
			return delta;
	}
	return 0;
}

static __always_inline void fold_sent(struct conn *conn, struct flow *flow, __u64 tag, __u64 sent)
{
	__u64 delta = claim(&conn->sent_folded, tag, sent);

	if (delta)
		ADD(flow->bytes_sent, delta);
}

static __always_inline void fold_received(struct conn *conn, struct flow *flow, __u64 tag,
					  __u64 received)
{
	__u64 delta = claim(&conn->received_folded, tag, received);

	if (delta)
		ADD(flow->bytes_received, delta);
}

static __always_inline void fold_quality(struct conn *conn, struct flow *flow, __u64 tag,
					 const struct tcp_counters *tcp)
{
	__u64 retransmitted = claim(&conn->retransmitted_folded, tag, tcp->total_retrans);

	if (retransmitted)
		ADD(flow->segments_retransmitted, retransmitted);
	if (tcp->srtt_us) {
		ADD(flow->rtt_sum_us, tcp->srtt_us >> 3); /* tcp_rtt_estimator(): 8 times the RTT */
		ADD(flow->rtt_samples, 1);
	}
}

static __always_inline bool has_flow(__u8 phase)
{
	return phase == PHASE_OPEN || phase == PHASE_CLOSED;
}

/* Since the last fold of an open connection. */
static __always_inline bool has_moved(const struct conn *conn, const struct tcp_counters *tcp)
{
	return tcp->write_seq != conn->seen_write_seq || tcp->copied_seq != conn->seen_copied_seq ||
	       tcp->total_retrans != conn->seen_retransmitted;
}

static __always_inline void remember_seen(struct conn *conn, const struct tcp_counters *tcp)
{
	conn->seen_write_seq = tcp->write_seq;
	conn->seen_copied_seq = tcp->copied_seq;
	conn->seen_retransmitted = tcp->total_retrans;
}

/* The fold of an open connection, without its lock and without stopping it. */
static __always_inline void fold_open(struct conn *conn, const __u64 *key)
{
	/* The entry can be freed and used anew at any time: with the tag read first,
	 * whatever is read of the next connection fails in claim(). */
	__u64 tag = *(volatile __u64 *)&conn->sent_folded;
	__u8 phase = *(volatile __u8 *)&conn->phase;
	__u32 slot = *(volatile __u32 *)&conn->slot;
	struct tcp_sock *tp = (struct tcp_sock *)*(volatile __u64 *)key;
	struct tcp_counters tcp;
	struct payload payload;
	struct flow *flow;

	if (!has_flow(phase))
		return;
	counters_probed(&tcp, tp);
	if (!has_moved(conn, &tcp))
		return;
	remember_seen(conn, &tcp);
	flow = flow_at(slot);
	if (!flow)
		return;
	payload = payload_of(conn, &tcp, has_sent_fin(tcp.state));
	/* In TCP_CLOSE write_seq may have a FIN or not; the hook has folded what was sent. */
	if (tcp.state != TCP_CLOSE)
		fold_sent(conn, flow, tag, payload.sent);
	fold_received(conn, flow, tag, payload.received);
	fold_quality(conn, flow, tag, &tcp);
}

#endif
