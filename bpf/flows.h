/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From a connection to the slot of its flow. */
#ifndef CONNTRACER_FLOWS_H
#define CONNTRACER_FLOWS_H

#include "counters.h"
#include "maps.h"
#include "sock.h"

static __always_inline void flow_key_from(struct flow_key *key, const struct conn *conn,
					  const struct endpoints *ends, __u32 parts)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->netns = conn->netns;
	key->l4_proto = conn->l4_proto;
	key->direction = conn->direction;
	__builtin_memcpy(key->local_address, ends->local_address, 16);
	__builtin_memcpy(key->remote_address, ends->remote_address, 16);
	if (conn->direction != DIRECTION_ACTIVE || parts & KEY_PORTS)
		key->local_port = ends->local_port;
	if (conn->direction != DIRECTION_PASSIVE || parts & KEY_PORTS)
		key->remote_port = ends->remote_port;
	if (parts & KEY_PROCESS) {
		key->cgroup_id = conn->owner.cgroup_id;
		key->cgroup_v1 = conn->owner.cgroup_v1;
		__builtin_memcpy(key->comm, conn->owner.comm, sizeof(key->comm));
	}
	if (parts & KEY_PID)
		key->pid = conn->owner.pid;
	if (parts & KEY_UID)
		key->uid = conn->owner.attribution ? conn->owner.uid : (__u32)-1;
}

static __always_inline struct flow *flow_at(__u32 slot)
{
	return bpf_map_lookup_elem(&flows, &slot);
}

static __always_inline __u32 take_slot(const struct flow_key *key)
{
	struct flow *flow;
	__u32 *known, slot;
	__u64 fresh;

	if (bpf_map_pop_elem(&free_slots, &slot)) {
		fresh = TAKE(next_slot); /* it goes on beyond the end */
		if (fresh >> 32)
			return SLOT_OVERFLOW;
		slot = fresh;
	}
	flow = flow_at(slot);
	if (!flow)
		return SLOT_OVERFLOW;
	flow->key = *key;
	flow->state = SLOT_LIVE;
	if (bpf_map_update_elem(&flow_slots, key, &slot, BPF_NOEXIST) == 0)
		return slot;
	/* Another CPU was first, or (never, as both have one size) flow_slots is full. */
	flow->state = SLOT_FREED;
	bpf_map_push_elem(&free_slots, &slot, BPF_ANY);
	known = bpf_map_lookup_elem(&flow_slots, key);
	return known ? *known : SLOT_OVERFLOW;
}

/* Where no events are asked for: the slot of its flow, which is made if need be. */
VERIFIED_ONCE __u32 slot_of(const struct conn *conn, const struct endpoints *ends)
{
	struct flow_key key;
	__u32 *slot;

	if (!conn || !ends)
		return SLOT_OVERFLOW;
	flow_key_from(&key, conn, ends, settings.flow_key_parts);
	slot = bpf_map_lookup_elem(&flow_slots, &key);
	return slot ? *slot : take_slot(&key);
}

static __always_inline void note_owner(struct flow *flow, const struct owner *owner)
{
	flow->last_pid = owner->pid;
	flow->last_uid = owner->attribution ? owner->uid : (__u32)-1;
	flow->last_started = owner->started;
}

/* Else the process of a row would be one, and its last_pid that of another. */
static __always_inline bool is_named_so(const struct flow *flow, const struct owner *owner)
{
	const __u64 *name = (const __u64 *)flow->key.comm, *its = (const __u64 *)owner->comm;

	return !(settings.flow_key_parts & KEY_PROCESS) || (name[0] == its[0] && name[1] == its[1]);
}

static __always_inline struct flow *take_flow(struct conn *conn, __u32 slot, bool refers)
{
	struct flow *flow = flow_at(slot);

	conn->slot = slot;
	if (flow && refers)
		ADD(flow->references, 1);
	return flow;
}

/*
 * Finds or makes the flow of a connection, and remembers its slot in conn. Where tasks are
 * preempted in hooks (since 7.0), user space can retire and free a slot between its lookup and the
 * reference to it, which it would see otherwise. It deletes the key first: if the flow still has
 * that slot once the reference is there, the slot stays.
 */
static __always_inline struct flow *find_flow(struct conn *conn, const struct endpoints *ends,
					      bool refers)
{
	struct flow *flow;
	__u32 again;

	if (settings.event_types) /* nobody reads flows; what is added goes where no flow is */
		return take_flow(conn, SLOT_OVERFLOW, refers);
	flow = take_flow(conn, slot_of(conn, ends), refers);
	if (flow && refers && shared.is_preemptible) {
		again = slot_of(conn, ends);
		if (again != conn->slot) {
			ADD(flow->references, -1);
			flow = take_flow(conn, again, refers);
		}
	}
	if (flow)
		note_owner(flow, &conn->owner);
	return flow;
}

static __always_inline struct flow *flow_of(struct conn *conn, const struct endpoints *ends)
{
	return find_flow(conn, ends, false);
}

/* The same, for a connection that stays: its slot is not used anew before it is forgotten. */
static __always_inline struct flow *refer_to_flow(struct conn *conn, const struct endpoints *ends)
{
	return find_flow(conn, ends, true);
}

#endif
