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

#include "claim.h"
#include "counters.h"
#include "flows.h"

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

static __always_inline struct amounts amounts_of(const struct payload *payload,
						 const struct tcp_counters *tcp)
{
	struct amounts amounts = {
		.of = {payload->sent, payload->received, tcp->total_retrans},
	};

	return amounts;
}

static __always_inline void add_amounts(struct flow *flow, const struct amounts *amounts)
{
	if (amounts->of[SENT])
		ADD(flow->bytes_sent, amounts->of[SENT]);
	if (amounts->of[RECEIVED])
		ADD(flow->bytes_received, amounts->of[RECEIVED]);
	if (amounts->of[RETRANSMITTED])
		ADD(flow->segments_retransmitted, amounts->of[RETRANSMITTED]);
}

static __always_inline void add_rtt(struct flow *flow, const struct tcp_counters *tcp)
{
	if (!tcp->srtt_us)
		return;
	ADD(flow->rtt_sum_us, tcp->srtt_us >> 3); /* tcp_rtt_estimator(): 8 times the RTT */
	ADD(flow->rtt_samples, 1);
}

static __always_inline bool has_flow(__u8 phase)
{
	return phase == PHASE_OPEN || phase == PHASE_CLOSED;
}

/*
 * Since the last fold of an open connection. Most have not: so this reads no more than it must,
 * which is two cache lines of the socket. What was sent again is among segs_out.
 */
static __always_inline bool has_moved(const struct conn *conn, struct tcp_sock *tp)
{
	return BPF_CORE_READ(tp, write_seq) != conn->seen_write_seq ||
	       BPF_CORE_READ(tp, copied_seq) != conn->seen_copied_seq ||
	       BPF_CORE_READ(tp, segs_out) != conn->seen_segs_out;
}

static __always_inline void remember_seen(struct conn *conn, const struct tcp_counters *tcp)
{
	conn->seen_segs_out = tcp->segs_out;
	conn->seen_write_seq = tcp->write_seq;
	conn->seen_copied_seq = tcp->copied_seq;
	conn->idle_looks = 0;
}

static __always_inline bool is_idle(const struct conn *conn)
{
	return conn->idle_looks >= IDLE_LOOKS && !conn->doubted_at;
}

/* Nothing is missed where there is no room: user space has all of them looked at then. */
static __always_inline void keep_awake(__u64 key)
{
	__u32 none = 0;

	if (shared.keeps_awake && bpf_map_update_elem(&awake, &key, &none, BPF_ANY))
		shared.is_awake_full = 1;
}

/* The fold of an open connection, without its lock and without stopping it. */
static __always_inline void fold_open(struct conn *conn, const __u64 *key)
{
	/* The entry and the socket can be freed and used anew at any time: with the tag read
	 * first, whatever is read of the next connection fails in claim(). */
	__u64 tag = *(volatile __u64 *)&conn->folded[SENT];
	__u8 phase = *(volatile __u8 *)&conn->phase;
	__u32 slot = *(volatile __u32 *)&conn->slot;
	struct tcp_sock *tp = (struct tcp_sock *)*(volatile __u64 *)key;
	struct tcp_counters tcp;
	struct payload payload;
	struct amounts amounts;
	struct flow *flow;

	if (!has_flow(phase))
		return;
	if (!has_moved(conn, tp)) {
		if (conn->idle_looks < IDLE_LOOKS)
			conn->idle_looks++;
		return;
	}
	if (!is_of_tcp(tp))
		return;
	counters_probed(&tcp, tp);
	remember_seen(conn, &tcp);
	flow = flow_at(slot);
	if (!flow)
		return;
	payload = payload_of(conn, &tcp, has_sent_fin(tcp.state));
	amounts = amounts_of(&payload, &tcp);
	/* In TCP_CLOSE write_seq may have a FIN or not; the hook has folded what was sent. */
	if (tcp.state == TCP_CLOSE)
		amounts.of[SENT] = 0;
	claim_for_fold(conn, (__u64)(unsigned long)tp, tag, &amounts);
	add_amounts(flow, &amounts);
	if (has_tag(*(volatile __u64 *)&conn->folded[SENT], tag))
		add_rtt(flow, &tcp);
}

#endif
