/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What is read of a tcp_sock. Hooks get a pointer that the verifier knows, and
 * load directly; the scan and the fold find theirs in a file or a map key, and
 * must probe, which costs some 10 ns a field. The same code serves both.
 */
#ifndef CONNTRACER_SOCK_H
#define CONNTRACER_SOCK_H

#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define DIRECT(p, field) ((p)->field)
#define PROBED(p, field) BPF_CORE_READ(p, field)

#define SOCK(field) inet_conn.icsk_inet.sk.field
#define SOCK_COMMON(field) SOCK(__sk_common.field)

struct endpoints {
	__u32 local_address[4];
	__u32 remote_address[4];
	__u16 local_port;
	__u16 remote_port;
};

/* In the order in which they must be read where nobody holds the socket's lock:
 * what is acknowledged before what is written, what is taken before what came. */
struct tcp_counters {
	__u64 bytes_acked;
	__u32 segs_out;
	__u32 write_seq;
	__u32 copied_seq;
	__u32 total_retrans;
	__u64 bytes_received;
	__u32 rcv_nxt;
	__u32 srtt_us;
	unsigned long skc_flags;
	__u8 state;
};

#define READ_IPV4(READ, to, tp, field)                                                             \
	do {                                                                                       \
		(to)[0] = 0;                                                                       \
		(to)[1] = 0;                                                                       \
		(to)[2] = bpf_htonl(0xffff);                                                       \
		(to)[3] = READ(tp, SOCK_COMMON(field));                                            \
	} while (0)

#define READ_IPV6(READ, to, tp, field)                                                             \
	do {                                                                                       \
		(to)[0] = READ(tp, SOCK_COMMON(field.in6_u.u6_addr32[0]));                         \
		(to)[1] = READ(tp, SOCK_COMMON(field.in6_u.u6_addr32[1]));                         \
		(to)[2] = READ(tp, SOCK_COMMON(field.in6_u.u6_addr32[2]));                         \
		(to)[3] = READ(tp, SOCK_COMMON(field.in6_u.u6_addr32[3]));                         \
	} while (0)

static __always_inline bool is_ipv4_mapped(const __u32 address[4])
{
	return address[0] == 0 && address[1] == 0 && address[2] == bpf_htonl(0xffff);
}

static __always_inline void set_ipv4(void *to, __u32 address)
{
	__u32 *words = to;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = address;
}

#define DEFINE_READERS(suffix, READ)                                                               \
	static __always_inline void endpoints_##suffix(struct endpoints *to, struct tcp_sock *tp)  \
	{                                                                                          \
		bool ipv4 = READ(tp, SOCK_COMMON(skc_family)) == AF_INET;                          \
                                                                                                   \
		if (!ipv4) {                                                                       \
			READ_IPV6(READ, to->remote_address, tp, skc_v6_daddr);                     \
			READ_IPV6(READ, to->local_address, tp, skc_v6_rcv_saddr);                  \
			ipv4 = is_ipv4_mapped(to->remote_address);                                 \
		}                                                                                  \
		if (ipv4) {                                                                        \
			READ_IPV4(READ, to->remote_address, tp, skc_daddr);                        \
			READ_IPV4(READ, to->local_address, tp, skc_rcv_saddr);                     \
		}                                                                                  \
		/* skc_num is 0 again in TCP_CLOSE (inet_put_port); inet_sport stays. */           \
		to->local_port = bpf_ntohs(READ(tp, inet_conn.icsk_inet.inet_sport));              \
		to->remote_port = bpf_ntohs(READ(tp, SOCK_COMMON(skc_dport)));                     \
	}                                                                                          \
                                                                                                   \
	static __always_inline void counters_##suffix(struct tcp_counters *to,                     \
						      struct tcp_sock *tp)                         \
	{                                                                                          \
		to->bytes_acked = READ(tp, bytes_acked);                                           \
		to->segs_out = READ(tp, segs_out);                                                 \
		to->write_seq = READ(tp, write_seq);                                               \
		to->copied_seq = READ(tp, copied_seq);                                             \
		to->total_retrans = READ(tp, total_retrans);                                       \
		to->bytes_received = READ(tp, bytes_received);                                     \
		to->rcv_nxt = READ(tp, rcv_nxt);                                                   \
		to->srtt_us = READ(tp, srtt_us);                                                   \
		to->skc_flags = READ(tp, SOCK_COMMON(skc_flags));                                  \
		to->state = READ(tp, SOCK_COMMON(skc_state));                                      \
	}

DEFINE_READERS(direct, DIRECT)
DEFINE_READERS(probed, PROBED)

static __always_inline bool has_flag(unsigned long skc_flags, enum sock_flags flag)
{
	return skc_flags & (1UL << flag);
}

/* The FIN of this side is in write_seq. */
static __always_inline bool has_sent_fin(__u8 state)
{
	return state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSING ||
	       state == TCP_LAST_ACK;
}

/* For an address at which there may be no socket any more. */
static __always_inline bool is_of_tcp(struct tcp_sock *tp)
{
	__u16 family = BPF_CORE_READ(tp, SOCK_COMMON(skc_family));

	return (family == AF_INET || family == AF_INET6) &&
	       BPF_CORE_READ(tp, SOCK_COMMON(skc_refcnt.refs.counter)) > 0;
}

static __always_inline struct sock *sock_of(struct tcp_sock *tp)
{
	return &tp->inet_conn.icsk_inet.sk;
}

static __always_inline __u64 key_of(const struct tcp_sock *tp)
{
	return (__u64)(unsigned long)tp; /* its first member is the sock */
}

#endif
