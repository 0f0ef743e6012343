/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What was recorded for each network namespace, and what was lost. */
#ifndef CONNTRACER_COUNTERS_H
#define CONNTRACER_COUNTERS_H

#include "maps.h"

#define ADD(counter, amount) __sync_fetch_and_add(&(counter), (amount))

#define LOST(field, amount)                                                                        \
	do {                                                                                       \
		__u32 zero_ = 0;                                                                   \
		struct losses *losses_ = bpf_map_lookup_elem(&loss_counters, &zero_);              \
		if (losses_)                                                                       \
			ADD(losses_->field, (amount));                                             \
	} while (0)

static __always_inline __u32 netns_of(const struct sock *sk)
{
	return sk->__sk_common.skc_net.net->ns.inum;
}

static __always_inline struct netns_counts *counts_of(__u32 netns)
{
	static const struct netns_counts none;
	struct netns_counts *counts;

	counts = bpf_map_lookup_elem(&netns_counters, &netns);
	if (counts)
		return counts;
	bpf_map_update_elem(&netns_counters, &netns, &none, BPF_NOEXIST);
	counts = bpf_map_lookup_elem(&netns_counters, &netns);
	if (!counts)
		LOST(netns, 1);
	return counts;
}

#define COUNT_NETNS(netns, field, amount)                                                          \
	do {                                                                                       \
		struct netns_counts *counts_ = counts_of(netns);                                   \
		if (counts_)                                                                       \
			ADD(counts_->field, (amount));                                             \
	} while (0)

#endif
