/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a file that a program holds to its TCP sockets: one, or with MPTCP one for each subflow. */
#ifndef CONNTRACER_MPTCP_H
#define CONNTRACER_MPTCP_H

#include "files.h"

enum { MAX_SUBFLOWS = 8 }; /* MPTCP_SUBFLOWS_MAX */

struct tcp_socks {
	struct sock *sk; /* where it is TCP itself */
	struct mptcp_sock *msk;
	struct list_head *next; /* of its subflows */
};

/* False where there is none. */
static __always_inline bool find_tcp_socks(struct tcp_socks *found, struct file *file)
{
	struct sock *sk = sock_from_file(file);
	struct mptcp_sock *msk;

	found->sk = 0;
	found->msk = 0;
	if (!sk || BPF_CORE_READ(sk, sk_type) != SOCK_STREAM)
		return false;
	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP) {
		found->sk = sk;
		return true;
	}
	if (!bpf_core_type_exists(struct mptcp_sock) ||
	    BPF_CORE_READ(sk, sk_protocol) != IPPROTO_MPTCP)
		return false;
	msk = (struct mptcp_sock *)sk;
	found->msk = msk;
	found->next = BPF_CORE_READ(msk, conn_list.next);
	return true;
}

/*
 * 0 after the last. Nobody holds the lock of the list; but what is taken from it stays for the
 * grace period of RCU, says whose it is, and leads to no other.
 */
static __always_inline struct sock *next_tcp_sock(struct tcp_socks *found)
{
	struct mptcp_subflow_context *subflow;
	struct list_head *node = found->next;
	struct sock *sk = found->sk;

	found->sk = 0;
	if (!found->msk || !bpf_core_type_exists(struct mptcp_sock))
		return sk;
	if ((void *)node ==
	    (void *)found->msk + bpf_core_field_offset(struct mptcp_sock, conn_list))
		return 0;
	subflow = (void *)node - bpf_core_field_offset(struct mptcp_subflow_context, node);
	if (BPF_CORE_READ(subflow, conn) != (struct sock *)found->msk)
		return 0;
	found->next = BPF_CORE_READ(node, next);
	return BPF_CORE_READ(subflow, tcp_sock);
}

/* Zero for all but the subflows of an MPTCP socket. A kernel may know none. */
static __always_inline __u64 mptcp_sock_of(struct tcp_sock *tp)
{
	struct mptcp_subflow_context *subflow;

	if (!bpf_core_field_exists(tp->is_mptcp) || !BPF_CORE_READ(tp, is_mptcp))
		return 0;
	subflow = BPF_CORE_READ(tp, inet_conn.icsk_ulp_data);
	return (__u64)(unsigned long)BPF_CORE_READ(subflow, conn);
}

/* To which its file leads. */
static __always_inline struct sock *socket_of_program(struct tcp_sock *tp)
{
	__u64 mptcp_sock = mptcp_sock_of(tp);

	return mptcp_sock ? (struct sock *)mptcp_sock : sock_of(tp);
}

#endif
