/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Counts how often a CPU switches to a process, and away from it. */

struct task_struct {
	int tgid;
} __attribute__((preserve_access_index));

enum { TO = 0, FROM = 1 };

/* BPF_F_MMAPABLE. */
struct {
	int (*type)[2];
	int (*max_entries)[2];
	unsigned int *key;
	unsigned long long *value;
	int (*map_flags)[1024];
} switches __attribute__((section(".maps"), used));

const volatile int watched __attribute__((section(".rodata.watched"), used)) = 0;

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

static void count(unsigned int which)
{
	unsigned long long *counter = bpf_map_lookup_elem(&switches, &which);

	if (counter)
		__sync_fetch_and_add(counter, 1);
}

/* (bool preempt, prev, next, …): prev is current here, and next is not yet. */
__attribute__((section("tp_btf/sched_switch"), used)) int tp__sched_switch(unsigned long long *ctx)
{
	const struct task_struct *prev = (void *)ctx[1];
	const struct task_struct *next = (void *)ctx[2];

	if (prev->tgid == watched)
		count(FROM);
	if (next->tgid == watched)
		count(TO);
	return 0;
}

__attribute__((section("license"), used)) char LICENSE[] = "Dual BSD/GPL";
