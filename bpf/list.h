/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A socket as it is now, for a list of what is open. Nothing is remembered of it. */
#ifndef CONNTRACER_LIST_H
#define CONNTRACER_LIST_H

#include "mptcp.h"
#include "owner.h"
#include "sockmap.h"

const volatile struct list_settings list_settings SEC(".rodata.settings") = {};

static __always_inline bool is_listed(__u8 state)
{
	switch (state) {
	case TCP_ESTABLISHED:
	case TCP_SYN_SENT:
	case TCP_SYN_RECV: /* Fast Open: the program may have it before the handshake is done */
	case TCP_CLOSE_WAIT:
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
		return true;
	case TCP_LISTEN:
		return list_settings.without_peer;
	}
	return false;
}

/*
 * What send() accepted: what is acknowledged, and what is not yet. That counts the
 * SYN, too, of the side that sent it; bytes_sent does not, and so tells the sides apart.
 */
static __always_inline void describe_sent(struct socket_info *to, struct tcp_sock *tp,
					  const struct tcp_counters *tcp)
{
	__u32 fin = has_sent_fin(tcp->state);
	__u64 from_the_syn =
		tcp->bytes_acked + (__s32)(tcp->write_seq - BPF_CORE_READ(tp, snd_una)) - fin;
	__u32 unsent = tcp->write_seq - BPF_CORE_READ(tp, snd_nxt);
	__u64 payload = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans) + unsent -
			(fin && unsent);

	to->bytes_sent = from_the_syn;
	to->direction = DIRECTION_UNKNOWN;
	if (from_the_syn == payload) {
		to->direction = DIRECTION_PASSIVE;
	} else if (from_the_syn == payload + 1) {
		to->direction = DIRECTION_ACTIVE;
		to->bytes_sent = payload;
	}
}

/* What recv() took; it steps over the FIN, too. */
static __always_inline void describe_received(struct socket_info *to,
					      const struct tcp_counters *tcp)
{
	__u32 unread = tcp->rcv_nxt - tcp->copied_seq;
	bool fin_taken = !unread && has_flag(tcp->skc_flags, SOCK_DONE);

	to->bytes_received = tcp->bytes_received - unread - fin_taken;
}

/* The RTT is kept in eighths, its variance in quarters (tcp_rtt_estimator()). */
static __always_inline void describe_quality(struct socket_info *to, struct tcp_sock *tp,
					     const struct tcp_counters *tcp)
{
	to->segments_sent = BPF_CORE_READ(tp, segs_out);
	to->segments_received = BPF_CORE_READ(tp, segs_in);
	to->segments_retransmitted = tcp->total_retrans;
	if (!tcp->srtt_us)
		return;
	to->rtt_us = tcp->srtt_us >> 3;
	to->rtt_var_us = BPF_CORE_READ(tp, mdev_us) >> 2;
	to->rtt_min_us = BPF_CORE_READ(tp, rtt_min.s[0].v);
}

/* Nobody holds its lock, so what belongs together may change between two reads. */
static __always_inline void describe_connection(struct socket_info *to, struct tcp_sock *tp)
{
	struct tcp_counters tcp;
	__u32 rcv_nxt;

#pragma unroll
	for (int attempt = 0; attempt < 3; attempt++) {
		rcv_nxt = BPF_CORE_READ(tp, rcv_nxt);
		counters_probed(&tcp, tp);
		describe_sent(to, tp, &tcp);
		describe_received(to, &tcp);
		if (to->direction != DIRECTION_UNKNOWN && rcv_nxt == tcp.rcv_nxt)
			break;
	}
	if (is_in_sockmap(tp))
		to->bytes_sent = to->bytes_received = BYTES_UNKNOWN;
	to->state = tcp.state;
	describe_quality(to, tp, &tcp);
}

/* As far as it is an inet_sock, which every socket here is. */
static __always_inline void describe_ends(struct socket_info *to, struct tcp_sock *tp)
{
	struct endpoints ends;

	to->sock = key_of(tp);
	to->netns = BPF_CORE_READ(tp, SOCK_COMMON(skc_net.net), ns.inum);
	endpoints_probed(&ends, tp);
	__builtin_memcpy(to->local_address, ends.local_address, 16);
	__builtin_memcpy(to->remote_address, ends.remote_address, 16);
	to->local_port = ends.local_port;
	to->remote_port = ends.remote_port;
}

/* False where it is none of what is listed. The owner is left out, in all three. */
static __always_inline bool describe_tcp(struct socket_info *to, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	to->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (!is_listed(to->state))
		return false;
	to->l4_proto = IPPROTO_TCP;
	to->mptcp_sock = mptcp_sock_of(tp);
	describe_ends(to, tp);
	if (to->state == TCP_LISTEN)
		to->direction = DIRECTION_PASSIVE;
	else
		describe_connection(to, tp);
	return is_listed(to->state);
}

/* The peer of a connect() that was undone (AF_UNSPEC) stays in an IPv6 socket. */
static __always_inline void forget_peer(struct socket_info *to, struct tcp_sock *tp)
{
	__u32 address[4];

	if (BPF_CORE_READ(tp, SOCK_COMMON(skc_family)) == AF_INET6) {
		READ_IPV6(PROBED, address, tp, skc_v6_rcv_saddr);
		__builtin_memcpy(to->local_address, address, 16);
	}
	__builtin_memset(to->remote_address, 0, 16);
}

/* Which side a socket is on is known of TCP; here, only who has chosen its port. */
static __always_inline bool describe_udp(struct socket_info *to, struct sock *sk)
{
	__u8 locks = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks);

	to->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (to->state != TCP_ESTABLISHED && !list_settings.without_peer)
		return false;
	to->l4_proto = IPPROTO_UDP;
	describe_ends(to, (struct tcp_sock *)sk);
	if (to->state != TCP_ESTABLISHED)
		forget_peer(to, (struct tcp_sock *)sk);
	to->direction = locks & SOCK_BINDPORT_LOCK ? DIRECTION_PASSIVE : DIRECTION_ACTIVE;
	return to->local_port != 0;
}

static __always_inline bool describe_mptcp(struct socket_info *to, struct sock *sk)
{
	to->l4_proto = IPPROTO_TCP;
	to->sock = (__u64)(unsigned long)sk;
	to->mptcp_sock = to->sock;
	return true;
}

static __always_inline bool describe_held(struct socket_info *to, struct sock *sk)
{
	__u16 type = BPF_CORE_READ(sk, sk_type);

	switch (BPF_CORE_READ(sk, sk_protocol)) {
	case IPPROTO_TCP:
		return list_settings.tcp && type == SOCK_STREAM && describe_tcp(to, sk);
	case IPPROTO_MPTCP:
		return list_settings.tcp && type == SOCK_STREAM && describe_mptcp(to, sk);
	case IPPROTO_UDP:
		return list_settings.udp && type == SOCK_DGRAM && describe_udp(to, sk);
	}
	return false;
}

static __always_inline void list_file(struct seq_file *seq, struct task_struct *task, __u32 fd,
				      struct file *file)
{
	struct sock *sk = sock_from_file(file);
	struct socket_info info = {};

	if (!sk || !describe_held(&info, sk))
		return;
	owner_from_task(&info.owner, task, ATTRIBUTION_SCAN);
	info.fd = fd;
	info.has_file = true;
	bpf_seq_write(seq, &info, sizeof(info));
}

/* Also what no file leads to: it waits to be accepted, or its program has closed it. */
static __always_inline void list_tcp(struct seq_file *seq, struct sock_common *common)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(common);
	struct socket_info info = {};

	if (!tp || !describe_tcp(&info, sock_of(tp)))
		return;
	info.has_file = has_file(socket_of_program(tp));
	bpf_seq_write(seq, &info, sizeof(info));
}

/* Of the kernel's own sockets, no file leads to any. */
static __always_inline void list_udp(struct seq_file *seq, struct udp_sock *udp)
{
	struct sock *sk = &udp->inet.sk;
	struct socket_info info = {};

	if (!describe_udp(&info, sk))
		return;
	info.has_file = has_file(sk);
	bpf_seq_write(seq, &info, sizeof(info));
}

#endif
