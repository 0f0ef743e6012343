/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a process is called where user space is: its ids in that pid namespace, its cgroup of v1. */
#ifndef CONNTRACER_HOST_H
#define CONNTRACER_HOST_H

#include "compat.h"
#include "conntracer.h"

const volatile struct host host SEC(".rodata.host") = {};

/* MAX_PID_NS_LEVEL of linux/pid_namespace.h */
enum { PID_LEVELS = 32 };

static __always_inline __u32 number_of(const struct pid *pid)
{
	const void *numbers = (const void *)pid + bpf_core_field_offset(struct pid, numbers);
	__u32 deepest = BPF_CORE_READ(pid, level);
	const struct upid *upid;

	/* Level 0 is the first namespace, which this is not. */
	for (__u32 level = 1; level <= PID_LEVELS; level++) {
		if (level > deepest)
			break;
		upid = numbers + level * bpf_core_type_size(struct upid);
		if (BPF_CORE_READ(upid, ns, ns.inum) == host.pid_namespace)
			return BPF_CORE_READ(upid, nr);
	}
	return 0;
}

/*
 * As bpf_get_current_pid_tgid(), in the pid namespace of user space; 0 where that does not see the
 * task. bpf_get_ns_current_pid_tgid() knows no task of a namespace below. It may be given a number,
 * but no pointer of the kernel's.
 */
__attribute__((noinline)) __u64 own_pid_tgid(__u64 task_address)
{
	struct task_struct *task = (struct task_struct *)task_address;
	__u64 tgid = number_of(BPF_CORE_READ(task, group_leader, thread_pid));

	return tgid << 32 | number_of(BPF_CORE_READ(task, thread_pid));
}

/* A pointer as a number to the verifier: by way of memory. */
static __always_inline __u64 as_number(const void *pointer)
{
	__u64 address;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

static __always_inline __u64 pid_tgid_of(const struct task_struct *task)
{
	if (!host.pid_namespace)
		return (__u64)task->tgid << 32 | (__u32)task->pid;
	return own_pid_tgid(as_number(task));
}

static __always_inline __u64 pid_tgid_of_current(void)
{
	if (!host.pid_namespace)
		return bpf_get_current_pid_tgid();
	return own_pid_tgid(bpf_get_current_task());
}

#define V1_SUBSYSTEM(id)                                                                           \
	(bpf_core_enum_value_exists(enum cgroup_subsys_id, id)                                     \
		 ? (int)bpf_core_enum_value(enum cgroup_subsys_id, id)                             \
		 : -1)

/* Its place in css_set.subsys; less than 0: there is none. */
static __always_inline int v1_subsystem(void)
{
	switch (host.v1_controller) {
	case V1_MEMORY:
		return V1_SUBSYSTEM(memory_cgrp_id);
	case V1_PIDS:
		return V1_SUBSYSTEM(pids_cgrp_id);
	case V1_CPU:
		return V1_SUBSYSTEM(cpu_cgrp_id);
	case V1_DEVICES:
		return V1_SUBSYSTEM(devices_cgrp_id);
	case V1_FREEZER:
		return V1_SUBSYSTEM(freezer_cgrp_id);
	case V1_CPUSET:
		return V1_SUBSYSTEM(cpuset_cgrp_id);
	case V1_BLKIO:
		return V1_SUBSYSTEM(io_cgrp_id);
	}
	return -1;
}

/* 0 where nobody asks. */
static __always_inline __u32 cgroup_v1_of(__u64 task_address)
{
	struct task_struct *task = (struct task_struct *)task_address;
	struct cgroup_subsys_state *css;
	int subsystem = v1_subsystem();
	const void *subsystems;

	if (subsystem < 0)
		return 0;
	subsystems = (const void *)BPF_CORE_READ(task, cgroups) +
		     bpf_core_field_offset(struct css_set, subsys);
	if (bpf_probe_read_kernel(&css, sizeof(css), subsystems + subsystem * sizeof(css)))
		return 0;
	return BPF_CORE_READ(css, cgroup, kn, id);
}

#endif
