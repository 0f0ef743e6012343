/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel's part of the filter (src/flow/kernel-filter.ts makes it, docs/adr/0010-filters.md).
 * What is not known, or may still change, passes: user space asks again, and knows all of the
 * filter.
 */
#ifndef CONNTRACER_WANTED_H
#define CONNTRACER_WANTED_H

#include "conntracer.h"
#include "maps.h"
#include "sock.h"

/* Counts are constants by the time of loading, so that only the values that there are stay. */
static __always_inline bool is_among(const volatile __u32 *values, __u32 count, __u32 value)
{
#pragma unroll
	for (__u32 i = 0; i < FILTER_VALUES; i++)
		if (i < count && values[i] == value)
			return true;
	return count == 0;
}

static __always_inline bool wants_cgroup(__u64 id)
{
#pragma unroll
	for (__u32 i = 0; i < FILTER_VALUES; i++)
		if (i < filter.cgroup_id_count && filter.cgroup_ids[i] == id)
			return true;
	return filter.cgroup_id_count == 0;
}

static __always_inline bool has_port(const volatile __u8 *ports, __u16 port)
{
	return ports[port >> 3] >> (port & 7) & 1;
}

static __always_inline bool wants_pid(__u32 pid)
{
	return is_among(filter.pids, filter.pid_count, pid);
}

/* The owner of a listening socket may hand a connection on; one that made the call is final. */
static __always_inline bool wants_owner(const struct owner *owner)
{
	if (owner->attribution != ATTRIBUTION_TASK && owner->attribution != ATTRIBUTION_SCAN)
		return true;
	return wants_pid(owner->pid) && is_among(filter.uids, filter.uid_count, owner->uid) &&
	       wants_cgroup(owner->cgroup_id);
}

static __always_inline bool wants_family(const struct endpoints *ends)
{
	const __u32 *remote = ends->remote_address;

	if (!filter.family || !(remote[0] | remote[1] | remote[2] | remote[3]))
		return true;
	return filter.family == (is_ipv4_mapped(remote) ? AF_INET : AF_INET6);
}

static __always_inline bool wants_ports(__u16 local, __u16 remote)
{
	if (filter.ports & FILTER_LOCAL && !has_port(filter.local_ports, local))
		return false;
	if (filter.ports & FILTER_REMOTE && !has_port(filter.remote_ports, remote))
		return false;
	if (!(filter.ports & FILTER_EITHER))
		return true;
	return (has_port(filter.either_ports, local) || has_port(filter.either_ports, remote)) &&
	       !has_port(filter.excluded_ports, local) && !has_port(filter.excluded_ports, remote);
}

/* Not inlined: dead where there is no filter, and else in the object once. */
static __noinline bool passes_filter(const struct owner *owner, __u32 netns, __u8 l4_proto,
				     __u8 direction, const struct endpoints *ends)
{
	if (filter.l4_proto && filter.l4_proto != l4_proto)
		return false;
	if (filter.direction && direction && filter.direction != direction)
		return false;
	return is_among(filter.netns, filter.netns_count, netns) && wants_family(ends) &&
	       wants_owner(owner) && wants_ports(ends->local_port, ends->remote_port);
}

/*
 * False only where user space would say no, too, now and later. An attribution other than task
 * or scan, an unknown direction, a port of 0 and a remote address of all zeros are not known yet.
 */
static __always_inline bool is_wanted(const struct owner *owner, __u32 netns, __u8 l4_proto,
				      __u8 direction, const struct endpoints *ends)
{
	return !filter.is_set || passes_filter(owner, netns, l4_proto, direction, ends);
}

static __always_inline bool is_conn_wanted(const struct conn *conn, const struct endpoints *ends)
{
	return is_wanted(&conn->owner, conn->netns, conn->l4_proto, conn->direction, ends);
}

/* Whether it matters whose a connection is. */
static __always_inline bool asks_owner(void)
{
	return filter.pid_count || filter.uid_count || filter.cgroup_id_count;
}

#endif
