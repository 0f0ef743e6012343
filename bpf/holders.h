/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who accepted a connection. The tracepoints see its handshake, which is done in softirq, and its
 * end; accept() itself comes to none of them. A look at the files of those that may have it tells.
 */
#ifndef CONNTRACER_HOLDERS_H
#define CONNTRACER_HOLDERS_H

#include "maps.h"
#include "owner.h"
#include "tcp_socks.h"

static __always_inline bool describe_holder(struct holder *to, struct sock *sk)
{
	__u64 key = (__u64)(unsigned long)sk;
	struct listener *listener;
	struct conn *conn;

	__builtin_memset(to, 0, sizeof(*to));
	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN) {
		listener = bpf_map_lookup_elem(&listeners, &key);
		if (!listener)
			return false;
		to->listener_pid = listener->owner.pid;
		to->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
		to->port = BPF_CORE_READ(sk, __sk_common.skc_num);
		return true;
	}
	conn = bpf_map_lookup_elem(&conns, &key);
	if (!conn || conn->owner.attribution == ATTRIBUTION_TASK ||
	    conn->owner.attribution == ATTRIBUTION_SCAN)
		return false;
	to->id = conn->id;
	return true;
}

static __always_inline void find_holder(struct seq_file *seq, struct task_struct *task,
					struct file *file)
{
	struct tcp_socks found;
	struct holder holder;
	struct sock *sk;

	if (!find_tcp_socks(&found, file))
		return;
	for (int i = 0; i < MAX_SUBFLOWS && (sk = next_tcp_sock(&found)); i++) {
		if (!describe_holder(&holder, sk))
			continue;
		owner_from_task(&holder.owner, task, ATTRIBUTION_SCAN);
		bpf_seq_write(seq, &holder, sizeof(holder));
	}
}

#endif
