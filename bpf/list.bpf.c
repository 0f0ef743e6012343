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

/* In one network namespace. */
SEC("iter/tcp")
int iter__list_sockets(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;

	if (common)
		list_socket(ctx->meta->seq, common);
	return 0;
}
