/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Exactly once, also where one event interrupts another.
 *
 * Since 6.1 (05b24ff9b2cf) the kernel skips a tracing program that already runs on the CPU. A
 * packet that arrives in softirq while connect() or close() is in our program would change the
 * state of a socket unseen: several times a second on a busy server. Where a task can be preempted
 * in a tracepoint (since 7.0), all that its CPU does until it is back would go unseen.
 *
 * So each hook has several programs, its gates, one after the other on the same tracepoint. The
 * first leaves a mark for what it hands on to the handler; a later one hands on what has no mark,
 * and the last takes the mark away (docs/adr/0020).
 *
 * All gates of one event get the same context, the array of its arguments on a stack: a task has
 * one, and softirq on each CPU, and what happens there happens one after the other. So a mark is
 * found by the stack (docs/adr/0022). One that stays, as the last gate was skipped, says which
 * gates have seen it.
 */
#ifndef CONNTRACER_ONCE_H
#define CONNTRACER_ONCE_H

#include "counters.h"

/* A change of a socket. Its lock is held, so there is one of it at a time. */
struct mark {
	__u64 sk;
	__u32 newstate;
	__u32 gate; /* the last one that has seen it */
};

enum { LAST_GATE = 6 };

/* What happens to a socket, in the place of a new state, for a mark. */
enum {
	DESTROYED = 16,
	GRAFTED,
	CALLED_SEND,
	CALLED_RECV,
	CALLED_SENDMSG,
	CALLED_SENDMSG6,
	CONSUMED,
};

enum { STACK_SHIFT = 14, MARKS = 1 << 14 };

/* Stacks that are a multiple of MARKS × 2^STACK_SHIFT bytes apart meet here: if they do so at the
 * same moment, one of two events can be handled twice, which handlers stand. */
struct mark marks[MARKS];

/* A handler in slot 0, which user space puts there: one for all gates of a hook. */
#define HANDLER(name)                                                                              \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                             \
		__uint(max_entries, 1);                                                            \
		__type(key, __u32);                                                                \
		__type(value, __u32);                                                              \
	} name SEC(".maps")

/* User space closes a socket to find it out. */
static __always_inline void note_preemption(void)
{
	if (is_migration_disabled() && !shared.is_preemptible)
		shared.is_preemptible = 1;
}

static __always_inline struct mark *mark_of(const void *ctx)
{
	__u64 place = (__u64)(unsigned long)ctx;

	/* All that the verifier lets anybody compute with two pointers: the rest is one number. */
	asm volatile("%0 -= %1" : "+r"(place) : "r"(marks));
	/* Times an odd number: none meet by that, and neighbours share no cache line. */
	return &marks[(place >> STACK_SHIFT) * 0x39b1 % MARKS];
}

/*
 * Since 6.13 (a76ab5731e32) a program can have a stack for each CPU, as it never runs there twice
 * at a time. A handler can, called by one gate and then by another. No program with a tail call has
 * such a stack, be it a call that is never made.
 */
static __always_inline void have_no_private_stack(void *ctx, void *handler)
{
	if (settings.never)
		bpf_tail_call(ctx, handler, 0);
}

static __always_inline void leave(struct mark *mark, const struct sock *sk, __u32 newstate,
				  __u32 gate)
{
	mark->sk = (__u64)(unsigned long)sk;
	mark->newstate = newstate;
	mark->gate = gate;
}

/* By an earlier gate, for this change: not for one from before that this gate has seen. */
static __always_inline bool is_left(const struct mark *mark, const struct sock *sk, __u32 newstate,
				    __u32 gate)
{
	return mark->sk == (__u64)(unsigned long)sk && mark->newstate == newstate &&
	       mark->gate < gate;
}

/* Whatever happens leaves its mark, also where no handler has to know of it: it can be skipped. */
static __always_inline void at_first_gate(const void *ctx, const struct sock *sk, __u32 newstate)
{
	leave(mark_of(ctx), sk, newstate, 1);
}

/* Whether it is for this gate to hand it on. */
static __always_inline bool at_later_gate(const void *ctx, const struct sock *sk, __u32 newstate,
					  __u32 gate)
{
	struct mark *mark = mark_of(ctx);

	if (is_left(mark, sk, newstate, gate)) {
		if (gate == LAST_GATE)
			mark->sk = 0;
		else
			mark->gate = gate;
		return false;
	}
	leave(mark, sk, newstate, gate);
	LOST(caught_up, 1);
	return true;
}

#define LATER_GATE(section, name, suffix, handler, happens, gate)                                  \
	SEC(section) int BPF_PROG(name##suffix, struct sock *sk)                                   \
	{                                                                                          \
		if (at_later_gate(ctx, sk, happens, gate))                                         \
			bpf_tail_call(ctx, &handler, 0);                                           \
		return 0;                                                                          \
	}

/*
 * Where no softirq comes between, a hook needs no gate but where a task can be preempted. `sk` is
 * its first argument. Whatever it is, it goes through: a skip is one of any socket.
 */
#define GATES_OF_PREEMPTED(section, name, handler, happens)                                        \
	SEC(section) int BPF_PROG(name##_first, struct sock *sk)                                   \
	{                                                                                          \
		at_first_gate(ctx, sk, happens);                                                   \
		bpf_tail_call(ctx, &handler, 0);                                                   \
		return 0;                                                                          \
	}                                                                                          \
	LATER_GATE(section, name, _2, handler, happens, 2)                                         \
	LATER_GATE(section, name, _3, handler, happens, 3)                                         \
	LATER_GATE(section, name, _4, handler, happens, 4)                                         \
	LATER_GATE(section, name, _5, handler, happens, 5)                                         \
	LATER_GATE(section, name, _last, handler, happens, LAST_GATE)

#endif
