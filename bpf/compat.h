/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Differences between kernels, each with the commit that made it. */
#ifndef CONNTRACER_COMPAT_H
#define CONNTRACER_COMPAT_H

#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/*
 * 0 or an errno, in an int: before 6.4 (d7ba4cc900bf) the operations of maps return one, which
 * programs call without the sign extension that a long would need. Only its low half is sound.
 */
static __always_inline int insert(void *map, const void *key, const void *value)
{
	return bpf_map_update_elem(map, key, value, BPF_NOEXIST);
}

/*
 * Atomics that return what was there: 5.12 (5ca419f2864a, 5ffa25502b5a). The object is compiled
 * once more for kernels that refuse them, WITHOUT_FETCH. What it has in the place of
 * compare-and-swap is in claim.h; in the place of counters it has a queue, which user space fills
 * with the numbers from 1 on: who takes one puts a new one in. For a moment one is out, on each CPU
 * twice at most, as softirq interrupts a process.
 */
#ifdef WITHOUT_FETCH

enum { NUMBERS = 1024 };

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, NUMBERS);
	__type(value, __u64);
} numbers SEC(".maps");

static __always_inline __u64 take_number(void)
{
	__u64 number = 0;

	if (bpf_map_pop_elem(&numbers, &number))
		return 0;
	number += NUMBERS;
	bpf_map_push_elem(&numbers, &number, BPF_ANY);
	return number - NUMBERS;
}

#define TAKE(counter) take_number()

#else

#define TAKE(counter) __sync_fetch_and_add(&(counter), 1)

#endif

/*
 * A function that the verifier looks at once, for whatever arguments, and not at each call of it.
 * Since 5.12 (e5069b9c23b3) they can be pointers to a struct.
 */
#ifdef WITHOUT_FETCH
#define VERIFIED_ONCE static __noinline
#else
#define VERIFIED_ONCE __attribute__((noinline))
#endif

/* BPF_FUNC_get_current_task_btf: 5.11, 3ca1032ab7ab. Without it, the fields are probed. */
enum bpf_func_id___current_task_btf {
	BPF_FUNC_get_current_task_btf___known = 158,
};

static __always_inline bool is_kernel_thread(void)
{
	struct task_struct *task;

	if (bpf_core_enum_value_exists(enum bpf_func_id___current_task_btf,
				       BPF_FUNC_get_current_task_btf___known)) {
		task = (struct task_struct *)bpf_get_current_task_btf();
		return task->flags & PF_KTHREAD;
	}
	task = (struct task_struct *)bpf_get_current_task();
	return BPF_CORE_READ(task, flags) & PF_KTHREAD;
}

static __always_inline struct task_struct *group_leader_of_current(void)
{
	struct task_struct *task;

	if (bpf_core_enum_value_exists(enum bpf_func_id___current_task_btf,
				       BPF_FUNC_get_current_task_btf___known)) {
		task = (struct task_struct *)bpf_get_current_task_btf();
		return task->group_leader;
	}
	task = (struct task_struct *)bpf_get_current_task();
	return BPF_CORE_READ(task, group_leader);
}

/*
 * Since 7.0 a tracepoint does not disable preemption, but keeps the task on its CPU (a46023d5616e).
 * The field is there since 5.11 (af449901b84c), as is bpf_get_current_task_btf().
 */
struct task_struct___migration {
	unsigned short migration_disabled;
} __attribute__((preserve_access_index));

static __always_inline bool is_migration_disabled(void)
{
	const struct task_struct___migration *task = 0;

	if (!bpf_core_field_exists(task->migration_disabled))
		return false;
	task = (void *)bpf_get_current_task_btf();
	return task->migration_disabled;
}

/* What tells a process from others with the same id, and from itself before an exec. */
struct task_identity {
	__u64 started_ns;
	__u64 exec_id;
};

static __always_inline void identity_of(struct task_identity *to, const struct task_struct *task)
{
	to->started_ns = task->group_leader->start_boottime;
	to->exec_id = task->self_exec_id;
}

static __always_inline void identity_of_current(struct task_identity *to)
{
	const struct task_struct *task;

	if (bpf_core_enum_value_exists(enum bpf_func_id___current_task_btf,
				       BPF_FUNC_get_current_task_btf___known)) {
		identity_of(to, (void *)bpf_get_current_task_btf());
		return;
	}
	task = (void *)bpf_get_current_task();
	to->started_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	to->exec_id = BPF_CORE_READ(task, self_exec_id);
}

/*
 * net->net_cookie is a plain u64, given at birth, since 5.12 (3d368ab87cf6), but only
 * 5.14 tells user space (e8b9eab99232, SO_NETNS_COOKIE); before, it is atomic64_t.
 */
struct net___cookie {
	__u64 net_cookie;
} __attribute__((preserve_access_index));

static __always_inline __u64 cookie_of(const struct net *net)
{
	const struct net___cookie *with = (const void *)net;

	if (bpf_core_field_exists(with->net_cookie))
		return net->net_cookie;
	return 0;
}

#endif
