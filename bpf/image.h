/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a process executes, taken while it is there: one record each time that a process
 * with a connection has become another program. Dead code where no events are asked for.
 */
#ifndef CONNTRACER_IMAGE_H
#define CONNTRACER_IMAGE_H

#include "kernel_path.h"
#include "maps.h"
#include "owner.h"
#include <bpf/bpf_core_read.h>

/* Of components and mounts: as deep as a path is followed. */
enum { PATH_STEPS = 128 };

/* False where there is no room. The last component comes first. */
static __always_inline bool append_name(struct image *image, const struct dentry *dentry)
{
	__u32 length = *(volatile __u32 *)&image->length;
	long size;

	if (length >= PATH_MAX)
		return false;
	size = bpf_probe_read_kernel_str(image->path + length, NAME_MAX + 1,
					 BPF_CORE_READ(dentry, d_name.name));
	if (size <= 0)
		return false;
	image->length = length + size;
	return true;
}

/* As prepend_path() of fs/d_path.c goes, up to the root of all mounts. False: too long. */
static __always_inline bool append_path(struct image *image, const struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry), *parent;
	struct vfsmount *vfsmount = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mount, *above;

	for (int step = 0; step < PATH_STEPS; step++) {
		if (dentry == BPF_CORE_READ(vfsmount, mnt_root)) {
			mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
			above = BPF_CORE_READ(mount, mnt_parent);
			if (above == mount)
				return true;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			vfsmount = &above->mnt;
			continue;
		}
		if (!append_name(image, dentry))
			return false;
		parent = BPF_CORE_READ(dentry, d_parent);
		if (parent == dentry) { /* in no directory: memfd_create() */
			image->is_deleted = 1;
			return true;
		}
		dentry = parent;
	}
	return false;
}

static __always_inline void describe_image(struct image *image, struct task_struct *task,
					   const struct file *file)
{
	image->no_time = 0;
	image->started_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	image->pid = BPF_CORE_READ(task, tgid);
	if (host.pid_namespace)
		image->pid = own_pid_tgid((__u64)task) >> 32;
	image->length = 0;
	image->is_deleted = !BPF_CORE_READ(file, f_path.dentry, d_hash.pprev);
	__builtin_memset(image->pad, 0, sizeof(image->pad));
	if (!append_path(image, file))
		image->length = 0;
}

/* 0 where the record found no room: then the next look tries it again. */
static __always_inline __u32 send_image(struct image *image, struct task_struct *task)
{
	__u32 length = *(volatile __u32 *)&image->length, pid = BPF_CORE_READ(task, tgid);
	struct known_image known = {};

	if (length > PATH_MAX + NAME_MAX)
		return 0;
	image->id = TAKE(next_image);
	if (bpf_ringbuf_output(&events, image, IMAGE_HEADER + length, BPF_RB_NO_WAKEUP))
		return 0;
	known.of.started_ns = image->started_ns;
	known.of.exec_id = BPF_CORE_READ(task, self_exec_id);
	known.id = image->id;
	bpf_map_update_elem(&images, &pid, &known, BPF_ANY);
	return known.id;
}

/*
 * A function of its own, so that the verifier looks at all this once. It may be given a
 * number, but no pointer of the kernel's.
 */
__attribute__((noinline)) __u32 new_image(__u64 task_address)
{
	struct task_struct *task = (struct task_struct *)task_address;
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	__u32 writer = (__u32)bpf_get_current_pid_tgid();
	struct image *image;
	__u32 zero = 0, id;

	if (!wants_events() || !file || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 0;
	image = bpf_map_lookup_elem(&image_scratch, &zero);
	if (!image || image->writer)
		return 0;
	/* Where a program can be preempted (RT), another thread may write between. */
	*(volatile __u32 *)&image->writer = writer;
	describe_image(image, task, file);
	id = *(volatile __u32 *)&image->writer == writer ? send_image(image, task) : 0;
	*(volatile __u32 *)&image->writer = 0;
	return id;
}

/*
 * `pid`: in the first pid namespace. 0: it is not known, or the id is that of a process that was
 * another one.
 */
static __always_inline __u32 known_image(__u32 pid, const struct task_identity *identity)
{
	struct known_image *known = bpf_map_lookup_elem(&images, &pid);

	if (!known || known->of.started_ns != identity->started_ns ||
	    known->of.exec_id != identity->exec_id)
		return 0;
	return known->id;
}

/* Of the process that makes the call. 0 where its image is not known. */
static __always_inline __u32 image_of_current(void)
{
	struct task_identity identity;
	__u32 id;

	if (!wants_events())
		return 0;
	identity_of_current(&identity);
	id = known_image(bpf_get_current_pid_tgid() >> 32, &identity);
	return id ? id : new_image(bpf_get_current_task());
}

/* As owner_from_current(), with the image. */
static __always_inline void identify_current(struct owner *owner, __u32 attribution)
{
	owner_from_current(owner, attribution);
	owner->image = image_of_current();
}

/* As owner_from_task(), with the image. */
static __always_inline void identify_task(struct owner *owner, struct task_struct *task,
					  __u32 attribution)
{
	struct task_identity identity;

	owner_from_task(owner, task, attribution);
	if (!wants_events())
		return;
	identity_of(&identity, task);
	owner->image = known_image(task->tgid, &identity);
	if (!owner->image)
		owner->image = new_image(as_number(task));
}

#endif
