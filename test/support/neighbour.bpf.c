// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A load balancer, as others have them: 127.0.0.9 stands for 127.0.0.1. And a wall: 127.0.0.13. */
#include "../../bpf/kernel.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define NAME bpf_htonl(0x7f000009)
#define PLACE bpf_htonl(0x7f000001)
#define WALL bpf_htonl(0x7f00000d)

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup/connect4")
int to_place_connected(struct bpf_sock_addr *ctx)
{
	if (ctx->user_ip4 == NAME)
		ctx->user_ip4 = PLACE;
	return 1;
}

SEC("cgroup/sendmsg4")
int to_place(struct bpf_sock_addr *ctx)
{
	if (ctx->user_ip4 == NAME)
		ctx->user_ip4 = PLACE;
	return 1;
}

SEC("cgroup/recvmsg4")
int from_name(struct bpf_sock_addr *ctx)
{
	if (ctx->user_ip4 == PLACE)
		ctx->user_ip4 = NAME;
	return 1;
}

SEC("cgroup/sendmsg4")
int wall(struct bpf_sock_addr *ctx)
{
	return ctx->user_ip4 != WALL;
}
