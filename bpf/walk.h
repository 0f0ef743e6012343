/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Programs that visit every entry of a map. No hook calls them: user space runs them.
 *
 * A program of type syscall (5.14, 79a7f8bdb159) calls bpf_for_each_map_elem() (5.13,
 * 69c087ba6225). The object for older kernels has iterators over map elements (5.9,
 * a5cbe05a6673) in its place, which some hardened kernels refuse.
 */
#ifndef CONNTRACER_WALK_H
#define CONNTRACER_WALK_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>

/* What a visit returns. Iterators go on in either case. */
enum visit { VISIT_NEXT = 0, VISIT_STOP = 1 };

/*
 * Defines walk__NAME, which calls visit_NAME(const KEY *, VALUE *, struct seq_file *) for each
 * entry of MAP. A row that it shows goes into the seq_file, if there is one.
 */
#ifdef WITHOUT_FETCH

#define WALK(name, map, key_type, value_type)                                                      \
	SEC("iter/bpf_map_elem")                                                                   \
	int walk__##name(struct bpf_iter__bpf_map_elem *ctx)                                       \
	{                                                                                          \
		const key_type *key = ctx->key;                                                    \
		value_type *value = ctx->value;                                                    \
                                                                                                   \
		if (key && value)                                                                  \
			visit_##name(key, value, ctx->meta->seq);                                  \
		return 0;                                                                          \
	}

#else

#define WALK(name, map, key_type, value_type)                                                      \
	static long entry_of_##name(struct bpf_map *of, const key_type *key, value_type *value,    \
				    void *unused)                                                  \
	{                                                                                          \
		return visit_##name(key, value, 0);                                                \
	}                                                                                          \
	SEC("syscall")                                                                             \
	int walk__##name(void *ctx)                                                                \
	{                                                                                          \
		bpf_for_each_map_elem(&map, entry_of_##name, 0, 0);                                \
		return 0;                                                                          \
	}

#endif

#endif
