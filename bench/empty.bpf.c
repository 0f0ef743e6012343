// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Programs that do nothing on the hooks of conntracer: what no tracer on them can be below. */
#include "../bpf/kernel.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/inet_sock_set_state")
int set_state(void *ctx)
{
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int destroy(void *ctx)
{
	return 0;
}
