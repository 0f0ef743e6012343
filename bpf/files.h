/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a file that a program holds to its socket. */
#ifndef CONNTRACER_FILES_H
#define CONNTRACER_FILES_H

#include "sock.h"

/* bpf_sock_from_file() is newer than 5.10; a socket and its file point at each other. */
static __always_inline struct sock *sock_from_file(struct file *file)
{
	struct socket *socket = file->private_data;
	struct sock *sk;

	if (!socket || BPF_CORE_READ(socket, file) != file)
		return 0;
	sk = BPF_CORE_READ(socket, sk);
	if (!sk || BPF_CORE_READ(sk, sk_socket) != socket)
		return 0;
	return sk;
}

/* False before accept(), and after close(). */
static __always_inline bool has_file(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_socket, file) != 0;
}

#endif
