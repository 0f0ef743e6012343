/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * UDP at the functions that move datagrams, for fentry and for kprobes: they are called for
 * nothing but UDP and UDP-Lite, know the peer, and what is moved. All reads are probed, for both.
 */
#ifndef CONNTRACER_UDP_FUNCTIONS_H
#define CONNTRACER_UDP_FUNCTIONS_H

#include "udp.h"

static __always_inline __u16 family_of(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_family);
}

static __always_inline void local_end(struct endpoints *ends, const struct sock *sk)
{
	ends->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	if (family_of(sk) == AF_INET || is_ipv4_mapped(ends->remote_address))
		set_ipv4(ends->local_address, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
	else
		BPF_CORE_READ_INTO(&ends->local_address, sk,
				   __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
}

/* The address that sendmsg() was given, else that the socket is connected to. */
static __always_inline void receiver_of(struct endpoints *ends, const struct sock *sk,
					const struct msghdr *msg)
{
	const void *name = BPF_CORE_READ(msg, msg_name);
	struct sockaddr_in6 to = {};
	__be16 port;

	__builtin_memset(ends, 0, sizeof(*ends));
	if (name) {
		bpf_probe_read_kernel(&to, sizeof(struct sockaddr_in), name);
		if (to.sin6_family == AF_INET6)
			bpf_probe_read_kernel(&to, sizeof(to), name);
		port = to.sin6_port;
		if (to.sin6_family == AF_INET6)
			__builtin_memcpy(ends->remote_address, to.sin6_addr, 16);
		else
			set_ipv4(ends->remote_address, to.sin6_flowinfo); /* sin_addr */
	} else {
		port = BPF_CORE_READ(sk, __sk_common.skc_dport);
		if (family_of(sk) == AF_INET)
			set_ipv4(ends->remote_address, BPF_CORE_READ(sk, __sk_common.skc_daddr));
		else
			BPF_CORE_READ_INTO(&ends->remote_address, sk,
					   __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
	ends->remote_port = bpf_ntohs(port);
	local_end(ends, sk);
}

/* Who sent a datagram, from its headers. */
static __always_inline void sender_of(struct endpoints *ends, const struct sock *sk,
				      const struct sk_buff *skb)
{
	const unsigned char *head = BPF_CORE_READ(skb, head);
	const unsigned char *ip = head + BPF_CORE_READ(skb, network_header);
	const unsigned char *udp = head + BPF_CORE_READ(skb, transport_header);
	__be16 port = 0;
	__be32 from = 0;

	__builtin_memset(ends, 0, sizeof(*ends));
	bpf_probe_read_kernel(&port, sizeof(port), udp);
	if (BPF_CORE_READ(skb, protocol) == bpf_htons(ETH_P_IP)) {
		bpf_probe_read_kernel(&from, sizeof(from), ip + 12);
		set_ipv4(ends->remote_address, from);
	} else {
		bpf_probe_read_kernel(ends->remote_address, 16, ip + 8);
	}
	ends->remote_port = bpf_ntohs(port);
	local_end(ends, sk);
}

static __always_inline __u64 address_of(const struct sock *sk)
{
	return (__u64)(unsigned long)sk;
}

/* UDP-Lite, which newer kernels do not have. */
static __always_inline bool is_lite(const struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_protocol) != IPPROTO_UDP;
}

/* skb_consume_udp(): a datagram was taken, or looked at, with a length below 0 then. */
static __always_inline void on_udp_received(struct sock *sk, const struct sk_buff *skb, int length)
{
	struct endpoints ends;

	if (length < 0 || is_lite(sk))
		return;
	sender_of(&ends, sk, skb);
	on_datagram(sk, address_of(sk), &ends, length, false);
}

static __always_inline void on_udp_sent(struct sock *sk, const struct endpoints *ends, int result)
{
	if (result >= 0 && !is_lite(sk))
		on_datagram(sk, address_of(sk), ends, result, true);
}

/* What finds no room is not known when the call returns. */
static __always_inline void note_call(const __u64 *thread, const struct udp_call *call)
{
	int err = bpf_map_update_elem(&udp_calls, thread, call, BPF_ANY);

	if (err)
		LOST(datagrams, 1);
}

static __always_inline void note_receiver(const struct sock *sk, const struct endpoints *ends,
					  __u32 bytes)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct udp_call call = {};

	call.cookie = address_of(sk);
	call.remote_port = ends->remote_port;
	call.bytes = bytes;
	__builtin_memcpy(call.remote_address, ends->remote_address, 16);
	note_call(&thread, &call);
}

/* Other programs can still give it another receiver (cgroup/sendmsg4): it is asked at the end. */
static __always_inline void note_message(const struct sock *sk, const struct msghdr *msg)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct udp_call call = {
		.cookie = address_of(sk),
		.message = (__u64)(unsigned long)msg,
	};

	note_call(&thread, &call);
}

/* The socket that was noted in this thread, to whom it sends, and how much. */
static __always_inline struct sock *noted_receiver(struct endpoints *ends, __u32 *bytes)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct udp_call *call = bpf_map_lookup_elem(&udp_calls, &thread);
	struct sock *sk;

	if (!call || !call->cookie)
		return 0;
	sk = (struct sock *)(unsigned long)call->cookie;
	call->cookie = 0;
	if (call->message) {
		*bytes = 0;
		receiver_of(ends, sk, (const struct msghdr *)(unsigned long)call->message);
		return sk;
	}
	__builtin_memset(ends, 0, sizeof(*ends));
	__builtin_memcpy(ends->remote_address, call->remote_address, 16);
	ends->remote_port = call->remote_port;
	*bytes = call->bytes;
	local_end(ends, sk);
	return sk;
}

/* With the arguments at hand: fexit. */
static __always_inline void on_sendmsg_exit(struct sock *sk, const struct msghdr *msg, int result)
{
	struct endpoints ends;

	receiver_of(&ends, sk, msg);
	on_udp_sent(sk, &ends, result);
	/* udpv6_sendmsg() to an IPv4-mapped address has called it, and will return the same. */
	if (result >= 0 && family_of(sk) == AF_INET6)
		note_receiver(sk, &ends, result);
}

static __always_inline void on_sendmsg6_exit(struct sock *sk, const struct msghdr *msg, int result)
{
	struct endpoints ends;
	__u32 bytes;

	if (noted_receiver(&ends, &bytes) == sk)
		return;
	receiver_of(&ends, sk, msg);
	on_udp_sent(sk, &ends, result);
}

/*
 * A kretprobe can be in so many calls at a time, and no more: as many as there are CPUs, ten at
 * least since 3b7ddab8a19a. Of a call above that no return is told, and its note is still there.
 */
static __always_inline void settle_note(void)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct udp_call *call = bpf_map_lookup_elem(&udp_calls, &thread);

	if (call && call->cookie)
		LOST(unreturned, 1);
}

static __always_inline void on_thread_exit(void)
{
	__u64 thread = bpf_get_current_pid_tgid();

	settle_note();
	bpf_map_delete_elem(&udp_calls, &thread);
}

/* Without them: kprobe and kretprobe. */
static __always_inline void on_sendmsg6_entry(const struct sock *sk, const struct msghdr *msg)
{
	settle_note();
	note_message(sk, msg);
}

/*
 * Where udpv6_sendmsg() calls udp_sendmsg() this one's note takes the place of its own, and is
 * gone when it returns itself.
 */
static __always_inline void on_sendmsg_entry(const struct sock *sk, const struct msghdr *msg)
{
	if (family_of(sk) == AF_INET)
		settle_note();
	note_message(sk, msg);
}

static __always_inline void on_sendmsg_return(int result)
{
	struct endpoints ends;
	__u32 bytes;
	struct sock *sk = noted_receiver(&ends, &bytes);

	if (sk)
		on_udp_sent(sk, &ends, result);
}

/*
 * sendfile() and splice() over IPv4, before 6.5 (dc97391e6610): udp_sendpage() opens a datagram
 * with an empty udp_sendmsg(), and appends to it. ip_append_page() returns 0, or has done nothing.
 */
static __always_inline void on_append_exit(struct sock *sk, __u32 bytes, int result)
{
	struct endpoints ends;

	if (result)
		return;
	receiver_of(&ends, sk, 0);
	on_udp_sent(sk, &ends, bytes);
}

static __always_inline void on_append_entry(const struct sock *sk, __u32 bytes)
{
	struct endpoints ends;

	settle_note();
	receiver_of(&ends, sk, 0);
	note_receiver(sk, &ends, bytes);
}

static __always_inline void on_append_return(int result)
{
	struct endpoints ends;
	__u32 bytes;
	struct sock *sk = noted_receiver(&ends, &bytes);

	if (sk && !result)
		on_udp_sent(sk, &ends, bytes);
}

#endif
