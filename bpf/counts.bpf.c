// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * How many entries each map has, as the kernel counts them anyway (since 6.6, 9bc421b6be95): one
 * sum over CPUs for each map of the system, whatever is in it. An object of its own, as a kernel
 * without the function refuses it.
 */
#include "kernel.h"
#include "conntracer.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

extern __s64 bpf_map_sum_elem_count(const struct bpf_map *map) __ksym;

SEC("iter/bpf_map")
int iter__count_entries(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	struct map_count count = {};

	if (!map)
		return 0;
	count.id = map->id;
	count.entries = bpf_map_sum_elem_count(map);
	bpf_seq_write(ctx->meta->seq, &count, sizeof(count));
	return 0;
}
