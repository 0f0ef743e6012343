/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Who adds an amount to a flow. The fold of open connections, one at a time, and the hooks at the
 * end of a connection, which hold the lock of its socket, can come across the same amount at the
 * same time: one of them gets it.
 */
#ifndef CONNTRACER_CLAIM_H
#define CONNTRACER_CLAIM_H

#include "maps.h"

#define COUNT_BITS 48
#define COUNT_MASK ((1ULL << COUNT_BITS) - 1)

/* What is counted of a connection, as its `folded` has it. */
enum amount { SENT, RECEIVED, RETRANSMITTED, AMOUNTS };

struct amounts {
	__u64 of[AMOUNTS];
};

static __always_inline bool has_tag(__u64 written, __u64 tag)
{
	return !((written ^ tag) & ~COUNT_MASK);
}

static __always_inline __u64 tagged(__u64 tag, __u64 count)
{
	return (tag & ~COUNT_MASK) | (count & COUNT_MASK);
}

/*
 * No claim succeeds from here on, whose tag was read before: the entry is about to go, and its
 * socket to become another connection's, whose counters a late fold would take for this one's.
 */
static __always_inline void end_claims(struct conn *conn)
{
	for (int i = 0; i < AMOUNTS; i++)
		*(volatile __u64 *)&conn->folded[i] = conn->folded[i] ^ ~COUNT_MASK;
}

/*
 * The fold and the hooks have a claim_…() each, which leaves of `amounts` what no one has added to
 * the flow yet. The caller adds it, and nobody else will. Counts never go back: who comes late, or
 * has no count and says 0, gets 0.
 */
#ifndef WITHOUT_FETCH

static __always_inline __u64 claim_one(__u64 *folded, __u64 tag, __u64 now)
{
	__u64 old, delta;

#pragma unroll
	for (int attempt = 0; attempt < 2; attempt++) {
		old = *(volatile __u64 *)folded;
		if (!has_tag(old, tag))
			return 0;
		delta = (now - old) & COUNT_MASK;
		if (delta == 0 || delta > COUNT_MASK / 2)
			return 0;
		if (__sync_val_compare_and_swap(folded, old, tagged(tag, now)) == old)
			return delta;
	}
	return 0;
}

static __always_inline void claim_for_fold(struct conn *conn, __u64 key, __u64 tag,
					   struct amounts *amounts)
{
	for (int i = 0; i < AMOUNTS; i++)
		amounts->of[i] = claim_one(&conn->folded[i], tag, amounts->of[i]);
}

static __always_inline void claim_at_end(struct conn *conn, __u64 key, struct amounts *amounts)
{
	claim_for_fold(conn, key, conn->folded[SENT], amounts);
}

#else

/*
 * Of all that delete a key from a map, one does delete it. The fold puts the key of the connection
 * here, says in it what it is going to add, and adds it if it can take the key out again. A hook
 * takes it out before: then the fold adds nothing. Nobody waits.
 *
 * Hooks alone write conn->folded, and do so first, so that a fold whose key comes too late for them
 * sees that it does. The fold alone writes what it has added and what it is going to add: it has
 * added that, too, unless it was stopped.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u64);
	__type(value, __u32);
} folding SEC(".maps");

/* 0 where an earlier life of the entry has written it, or none. */
static __always_inline __u64 count_in(__u64 written, __u64 tag)
{
	return has_tag(written, tag) ? written & COUNT_MASK : 0;
}

static __always_inline __u64 larger(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

static __always_inline __u64 beyond(__u64 now, __u64 before)
{
	return now > before ? now - before : 0;
}

/* For one of all that ask. In an int, as insert() is. */
static __always_inline bool take_out(__u64 key)
{
	int err = bpf_map_delete_elem(&folding, &key);

	return !err;
}

static __always_inline __u64 read_once(const __u64 *from)
{
	return *(const volatile __u64 *)from;
}

static __always_inline void write_once(__u64 *to, __u64 value)
{
	*(volatile __u64 *)to = value;
}

/* The key is in `folding`. False where a hook was here since `folded` was read, or is. */
static __always_inline bool intend(struct conn *conn, __u64 tag, const __u64 *folded,
				   const struct amounts *then)
{
	for (int i = 0; i < AMOUNTS; i++)
		if (read_once(&conn->folded[i]) != folded[i])
			return false;
	for (int i = 0; i < AMOUNTS; i++)
		write_once(&conn->fold.intended[i], tagged(tag, then->of[i]));
	return true;
}

static __always_inline void claim_for_fold(struct conn *conn, __u64 key, __u64 tag,
					   struct amounts *amounts)
{
	__u64 folded[AMOUNTS], before, any = 0;
	struct amounts then;
	__u32 none = 0;
	bool is_ours;

	for (int i = 0; i < AMOUNTS; i++) {
		folded[i] = read_once(&conn->folded[i]);
		before = larger(count_in(folded[i], tag), count_in(conn->fold.added[i], tag));
		then.of[i] = larger(amounts->of[i], before);
		amounts->of[i] = then.of[i] - before;
		any |= amounts->of[i];
	}
	/* As it is where a hook has written but not added: this would look as if it had been. */
	if (!any)
		return;
	is_ours = has_tag(folded[SENT], tag) && !insert(&folding, &key, &none);
	if (is_ours) {
		is_ours = intend(conn, tag, folded, &then);
		is_ours = take_out(key) && is_ours;
	}
	for (int i = 0; i < AMOUNTS; i++) {
		if (is_ours)
			write_once(&conn->fold.added[i], tagged(tag, then.of[i]));
		else
			amounts->of[i] = 0;
	}
}

static __always_inline void claim_at_end(struct conn *conn, __u64 key, struct amounts *amounts)
{
	__u64 tag = conn->folded[SENT], before[AMOUNTS], by_fold, any = 0;
	bool is_stopped;

	for (int i = 0; i < AMOUNTS; i++) {
		before[i] = conn->folded[i] & COUNT_MASK;
		any |= beyond(amounts->of[i], before[i]);
		write_once(&conn->folded[i], tagged(tag, larger(before[i], amounts->of[i])));
	}
	/* Else the fold may go on. */
	is_stopped = any && take_out(key);
	for (int i = 0; i < AMOUNTS; i++) {
		by_fold = read_once(is_stopped ? &conn->fold.added[i] : &conn->fold.intended[i]);
		amounts->of[i] = beyond(amounts->of[i], larger(before[i], count_in(by_fold, tag)));
	}
}

#endif

#endif
