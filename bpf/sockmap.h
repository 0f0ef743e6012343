/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sockets of a sockmap: what a program redirects goes from one to the other past TCP. */
#ifndef CONNTRACER_SOCKMAP_H
#define CONNTRACER_SOCKMAP_H

#include "sock.h"

/* The flags that the kernel keeps in the low bits of sk_user_data (SK_USER_DATA_PTRMASK). */
enum { USER_DATA_FLAGS = 7 };

/* Then its functions are those of tcp_bpf.c, and no field of it counts what is redirected. */
static __always_inline bool is_in_sockmap(struct tcp_sock *tp)
{
	struct sock *sk = sock_of(tp);
	const struct sk_psock *psock = 0;

	if (!bpf_core_field_exists(psock->sk) ||
	    BPF_CORE_READ(sk, __sk_common.skc_prot) == BPF_CORE_READ(sk, sk_prot_creator))
		return false;
	psock = (void *)((__u64)BPF_CORE_READ(sk, sk_user_data) & ~USER_DATA_FLAGS);
	return psock && BPF_CORE_READ(psock, sk) == sk;
}

#endif
