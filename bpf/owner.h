/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Who a socket belongs to. */
#ifndef CONNTRACER_OWNER_H
#define CONNTRACER_OWNER_H

#include "host.h"

/* comm is not padded with zeros before 6.x, and it is part of a hash key. */
static __always_inline void copy_comm(__u8 to[16], struct task_struct *leader)
{
	__builtin_memset(to, 0, 16);
	bpf_probe_read_kernel_str(to, 16, leader->comm);
}

/* As /proc/PID/stat counts: USER_HZ is 100 on every architecture that there is Bun for. */
static __always_inline __u32 ticks_of(__u64 started_ns)
{
	return started_ns / 10000000;
}

/* Only where the program that made the call is current: never in softirq. */
static __always_inline void owner_from_current(struct owner *owner, __u32 attribution)
{
	__u64 pid_tgid = pid_tgid_of_current();
	struct task_identity identity;

	identity_of_current(&identity);
	owner->cgroup_id = bpf_get_current_cgroup_id();
	owner->pid = pid_tgid >> 32;
	owner->tid = (__u32)pid_tgid;
	owner->uid = (__u32)bpf_get_current_uid_gid();
	owner->attribution = attribution;
	owner->started = ticks_of(identity.started_ns);
	owner->cgroup_v1 = host.v1_controller ? cgroup_v1_of(bpf_get_current_task()) : 0;
	copy_comm(owner->comm, group_leader_of_current());
}

/*
 * A program is in a call on the socket. Only that takes ownership of a socket's lock; but a kworker
 * does, too, that closes what nobody received (SCM_RIGHTS), or works for MPTCP.
 */
static __always_inline bool is_called_by_program(const struct sock *sk)
{
	return sk->sk_lock.owned && !is_kernel_thread();
}

/* For a task that holds a file of the socket. */
static __always_inline void owner_from_task(struct owner *owner, struct task_struct *task,
					    __u32 attribution)
{
	__u64 pid_tgid = pid_tgid_of(task);

	owner->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	owner->pid = pid_tgid >> 32;
	owner->tid = (__u32)pid_tgid;
	owner->uid = task->cred->uid.val;
	owner->attribution = attribution;
	owner->started = ticks_of(task->group_leader->start_boottime);
	owner->cgroup_v1 = host.v1_controller ? cgroup_v1_of(as_number(task)) : 0;
	copy_comm(owner->comm, task->group_leader);
}

#endif
