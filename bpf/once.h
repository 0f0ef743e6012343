/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Exactly once, also where one event interrupts another.
 *
 * Since 6.1 (05b24ff9b2cf) the kernel skips a tracing program that already runs on the
 * CPU. A packet that arrives in softirq while connect() or close() is in our program
 * would change the state of a socket unseen: several times a second on a busy server.
 * So each hook has two programs, one after the other on the same tracepoint, and of
 * the two one should be free (not always, on a busy machine: docs/adr/0008). The first leaves a
 * mark for what it has handled; the second handles what has no mark.
 *
 * Marks are a stack of two, as softirq interrupts a process and nothing interrupts
 * softirq here. The second program takes its own mark away when it ends, and what an
 * interruption has left above it, whose second program was the skipped one.
 */
#ifndef CONNTRACER_ONCE_H
#define CONNTRACER_ONCE_H

#include "counters.h"

struct marks {
	__u64 lower;
	__u64 upper;
};

/* Per CPU: inserted, read and deleted by the programs of one hook. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct marks);
} marks SEC(".maps");

static __always_inline struct marks *marks_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&marks, &zero);
}

/*
 * A mark is the address of a socket: what interrupts a change of one socket is never a
 * change of the same one, as the interrupted one has its lock.
 */
static __always_inline __u64 mark_of(const struct sock *sk)
{
	return (__u64)(unsigned long)sk;
}

/*
 * The first program, before: with no mark below, one above is left over from an
 * interruption of take_mark().
 */
static __always_inline struct marks *clean_marks(void)
{
	struct marks *here = marks_here();

	if (here && !here->lower)
		here->upper = 0;
	return here;
}

/* The first program, after it has handled a change. */
static __always_inline void leave_mark(struct marks *here, const struct sock *sk)
{
	if (!here)
		return;
	if (here->lower)
		here->upper = mark_of(sk);
	else
		here->lower = mark_of(sk);
}

/* The second program, before: whether the first one was skipped. */
static __always_inline bool was_skipped(const struct marks *here, const struct sock *sk)
{
	return here && here->lower != mark_of(sk) && here->upper != mark_of(sk);
}

/* The second program, at its end. */
static __always_inline void take_mark(struct marks *here, const struct sock *sk)
{
	if (!here)
		return;
	here->upper = 0;
	if (here->lower == mark_of(sk))
		here->lower = 0;
}

#endif
