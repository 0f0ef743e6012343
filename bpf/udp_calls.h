/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * UDP at the tracepoints of calls. They know the socket, but not the peer where the socket is
 * not connected: cgroup programs note this one before, in the same thread.
 */
#ifndef CONNTRACER_UDP_CALLS_H
#define CONNTRACER_UDP_CALLS_H

#include "udp.h"

static __always_inline bool is_udp(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_UDP && sk->sk_type == SOCK_DGRAM &&
	       (sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6);
}

static __always_inline struct udp_call *call_of_thread(void)
{
	static const struct udp_call none;
	__u64 thread = bpf_get_current_pid_tgid();
	struct udp_call *call = bpf_map_lookup_elem(&udp_calls, &thread);

	if (call)
		return call;
	bpf_map_update_elem(&udp_calls, &thread, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&udp_calls, &thread);
}

/* In the middle of sendmsg() to an address, or of recvmsg() that asks for one. */
static __always_inline void note_peer(struct bpf_sock_addr *ctx, bool ipv4)
{
	struct udp_call *call = call_of_thread();
	__u32 *words;

	if (!call)
		return;
	call->cookie = bpf_get_socket_cookie(ctx);
	call->remote_port = bpf_ntohs(ctx->user_port);
	words = (__u32 *)call->remote_address;
	if (ipv4) {
		set_ipv4(words, ctx->user_ip4);
	} else {
		words[0] = ctx->user_ip6[0];
		words[1] = ctx->user_ip6[1];
		words[2] = ctx->user_ip6[2];
		words[3] = ctx->user_ip6[3];
	}
}

/* What was noted in this call, which is over now. */
static __always_inline bool take_note(struct endpoints *ends, __u64 cookie)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct udp_call *call = bpf_map_lookup_elem(&udp_calls, &thread);

	if (!call || call->cookie != cookie)
		return false;
	call->cookie = 0;
	__builtin_memcpy(ends->remote_address, call->remote_address, 16);
	ends->remote_port = call->remote_port;
	return true;
}

/*
 * All zero where the socket is not connected, and the call did not ask who it was. A
 * connected one sends to others if it is told to, and hears its peer only; what the
 * program is told then may be another name of it (bpf_sock_addr of load balancers).
 */
static __always_inline void find_peer(struct endpoints *ends, struct sock *sk, __u64 cookie,
				      bool sent)
{
	bool ipv4 = sk->__sk_common.skc_family == AF_INET;
	bool noted;

	__builtin_memset(ends, 0, sizeof(*ends));
	noted = take_note(ends, cookie);
	if (sk->__sk_common.skc_dport && !(noted && sent)) {
		if (ipv4)
			set_ipv4(ends->remote_address, sk->__sk_common.skc_daddr);
		else
			__builtin_memcpy(ends->remote_address,
					 sk->__sk_common.skc_v6_daddr.in6_u.u6_addr8, 16);
		ends->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	}
	if (ipv4 || is_ipv4_mapped(ends->remote_address))
		set_ipv4(ends->local_address, sk->__sk_common.skc_rcv_saddr);
	else
		__builtin_memcpy(ends->local_address,
				 sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8, 16);
	ends->local_port = sk->__sk_common.skc_num;
}

/* No datagram: what recv() returns once the socket is shut down. */
static __always_inline bool is_end_of_file(const struct sock *sk, int result, bool sent)
{
	return !sent && !result && sk->sk_shutdown & RCV_SHUTDOWN;
}

/* At the end of a call: `result` is a number of bytes, or -errno. */
static __always_inline void on_udp_call(struct sock *sk, int result, bool sent)
{
	__u64 cookie = bpf_get_socket_cookie(sk);
	struct endpoints ends;

	find_peer(&ends, sk, cookie, sent);
	if (result >= 0 && !is_end_of_file(sk, result, sent))
		on_datagram(sk, cookie, &ends, result, sent);
}

#endif
