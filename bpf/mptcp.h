/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a TCP socket to the MPTCP socket that it is a subflow of. */
#ifndef CONNTRACER_MPTCP_H
#define CONNTRACER_MPTCP_H

#include "files.h"

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
