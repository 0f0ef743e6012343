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
static __always_inline struct netns_counts *counts_of(const struct netns_id *id)
{
	static const struct netns_counts none;
	struct netns_counts *counts = bpf_map_lookup_elem(&netns_counters, id);

	if (counts)
		return counts;
	if (!insert(&netns_counters, id, &none))
		ADD(shared.netns, 1);
	counts = bpf_map_lookup_elem(&netns_counters, id);
	if (!counts)
		LOST(netns, 1);
	return counts;
}

enum netns_count {
	ACTIVE_OPENS,
	PASSIVE_OPENS,
	ATTEMPT_FAILS,
	ESTAB_RESETS,
};

VERIFIED_ONCE int add_to_netns(__u64 cookie, __u32 inode, enum netns_count which, __s64 amount)
{
	struct netns_id id = {.cookie = cookie, .inode = inode};
	struct netns_counts *counts = counts_of(&id);

	if (!counts)
		return 0;
	switch (which) {
	case ACTIVE_OPENS:
		ADD(counts->active_opens, amount);
		break;
	case PASSIVE_OPENS:
		ADD(counts->passive_opens, amount);
		break;
	case ATTEMPT_FAILS:
		ADD(counts->attempt_fails, amount);
		break;
	case ESTAB_RESETS:
		ADD(counts->estab_resets, amount);
		break;
	}
	return 0;
}

static __always_inline void count_netns(const struct sock *sk, enum netns_count which, __s64 amount)
{
	const struct net *net = sk->__sk_common.skc_net.net;

	add_to_netns(cookie_of(net), net->ns.inum, which, amount);
}

#endif
