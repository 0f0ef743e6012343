/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a file that a program holds to its TCP sockets: one, or with MPTCP one for each subflow. */
#ifndef CONNTRACER_TCP_SOCKS_H
#define CONNTRACER_TCP_SOCKS_H

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
 *
 * Not inlined, or clang moves the offsets of what a kernel without MPTCP does not have out of the
 * loop, to where TCP comes across them; or it enters the loop in the middle, which verifiers before
 * 6.7 (10e14e9652bf) take for a jump back that they do not follow.
 */
static __noinline struct sock *next_tcp_sock(struct tcp_socks *found)
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

#endif
