// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The programs of `list`, an object of its own: it has no hooks and no maps to size. */
#include "list.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task_file")
int iter__list_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (task && file)
		list_file(ctx->meta->seq, task, ctx->fd, file);
	return 0;
}

/* The next two: in one network namespace. */
SEC("iter/tcp")
int iter__list_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;

	if (common)
		list_tcp(ctx->meta->seq, common);
	return 0;
}

/* UDP-Lite is not in it: the kernel has another table for that. */
SEC("iter/udp")
int iter__list_udp(struct bpf_iter__udp *ctx)
{
	struct udp_sock *udp = ctx->udp_sk;

	if (udp)
		list_udp(ctx->meta->seq, udp);
	return 0;
}
