/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The kernel's types of paths; as kernel.h. */
#ifndef CONNTRACER_KERNEL_PATH_H
#define CONNTRACER_KERNEL_PATH_H

#include "kernel.h"

/* include/uapi/linux/limits.h */
enum { NAME_MAX = 255, PATH_MAX = 4096 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mm_struct {
	struct file *exe_file;
};

struct qstr {
	const unsigned char *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

#pragma clang attribute pop

#endif
