/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Exactly once, also where one event interrupts another.
 *
 * Since 6.1 (05b24ff9b2cf) the kernel skips a tracing program that already runs on the
 * CPU. A packet that arrives in softirq while connect() or close() is in our program
 * would change the state of a socket unseen: several times a second on a busy server.
 * So each hook has two programs, one after the other on the same tracepoint, of which
 * at least one is free. The first leaves a mark for what it has handled; the second
 * handles what has no mark (docs/adr/0008).
 *
 * Softirq interrupts a process, and nothing interrupts softirq with another event. So
 * there are two marks for each CPU, and what writes one of them happens one after the
 * other. Only what interrupts is ever skipped, and what it interrupts has begun by
 * wiping the mark away that an earlier interruption has left.
 */
#ifndef CONNTRACER_ONCE_H
#define CONNTRACER_ONCE_H

#include "counters.h"

/* A change of a socket. Its lock is held, so there is one of it at a time. */
struct mark {
	__u64 sk;
	__u64 newstate;
};

struct marks {
	struct mark process;
	struct mark softirq;
};

/* Per CPU: written by the first programs of all hooks, read by the second ones. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct marks);
} marks SEC(".maps");

/* What happens to a socket, in the place of a new state, for a mark. */
enum { DESTROYED = 15 };

/*
 * Softirq has a stack of its own, except in ksoftirqd, which it cannot interrupt. The
 * context of a tracepoint's program is an array of its arguments, on the stack.
 */
static __always_inline bool in_softirq(const void *ctx)
{
	return distance_from_stack(ctx) >= settings.stack_bytes;
}

/*
 * The first program, before it handles anything: that it has begun is enough, as it will also end.
 * (And a pointer to a mark, kept until then, doubles what the verifier has to look at.)
 */
static __always_inline void begin_first(const void *ctx, const struct sock *sk, int newstate)
{
	__u32 zero = 0;
	struct marks *here = bpf_map_lookup_elem(&marks, &zero);
	struct mark *mark;

	if (!here)
		return;
	mark = &here->softirq;
	if (!in_softirq(ctx)) {
		mark->sk = 0;
		mark = &here->process;
	}
	mark->sk = (__u64)(unsigned long)sk;
	mark->newstate = newstate;
}

/* The second program: whether the first one was skipped. */
static __always_inline bool was_skipped(const void *ctx, const struct sock *sk, int newstate)
{
	__u32 zero = 0;
	struct marks *here = bpf_map_lookup_elem(&marks, &zero);
	struct mark *mark;

	if (!here)
		return false;
	mark = in_softirq(ctx) ? &here->softirq : &here->process;
	return mark->sk != (__u64)(unsigned long)sk || mark->newstate != (__u64)newstate;
}

#endif
