/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What was recorded for each network namespace, and what was lost. */
#ifndef CONNTRACER_COUNTERS_H
#define CONNTRACER_COUNTERS_H

#include "compat.h"
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

/* The cookie tells a namespace from an earlier one whose inode number it was given. */
static __always_inline struct netns_counts *counts_of(const struct sock *sk)
{
	static const struct netns_counts none;
	struct netns_counts *counts;
	struct netns_id id = {};

	id.cookie = cookie_of(sk->__sk_common.skc_net.net);
	id.inode = netns_of(sk);
	counts = bpf_map_lookup_elem(&netns_counters, &id);
	if (counts)
		return counts;
	bpf_map_update_elem(&netns_counters, &id, &none, BPF_NOEXIST);
	counts = bpf_map_lookup_elem(&netns_counters, &id);
	if (!counts)
		LOST(netns, 1);
	return counts;
}

#define COUNT_NETNS(sk, field, amount)                                                             \
	do {                                                                                       \
		struct netns_counts *counts_ = counts_of(sk);                                      \
		if (counts_)                                                                       \
			ADD(counts_->field, (amount));                                             \
	} while (0)

#endif
