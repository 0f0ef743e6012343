/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel's types, as far as they are read here. Names and types are the
 * kernel's; offsets are not, they are relocated when the object is loaded.
 */
#ifndef CONNTRACER_KERNEL_H
#define CONNTRACER_KERNEL_H

#include "kernel_abi.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
	__u64 net_cookie;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

struct sock_common {
	union {
		struct {
			__be32 skc_daddr;
			__be32 skc_rcv_saddr;
		};
	};
	union {
		struct {
			__be16 skc_dport;
			__u16 skc_num;
		};
	};
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned long skc_flags;
	struct proto *skc_prot;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	refcount_t skc_refcnt;
};

enum sock_flags {
	SOCK_DEAD,
	SOCK_DONE,
	SOCK_URGINLINE,
	SOCK_KEEPOPEN,
	SOCK_LINGER,
};

struct proto;
struct socket;

typedef struct {
	int owned;
} socket_lock_t;

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	struct socket *sk_socket;
	int sk_err;
	int sk_err_soft;
	unsigned long sk_lingertime;
	__u8 sk_shutdown;
	__u8 sk_userlocks : 4; /* a whole byte on newer kernels */
	__u16 sk_type;
	__u16 sk_protocol;
	void *sk_user_data;
	struct proto *sk_prot_creator;
};

/* Of a socket that is in a sockmap. */
struct sk_psock {
	struct sock *sk;
};

struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	void *icsk_ulp_data;
};

struct udp_sock {
	struct inet_sock inet;
};

struct minmax_sample {
	__u32 v;
};

struct minmax {
	struct minmax_sample s[3];
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 segs_out;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 write_seq;
	__u32 srtt_us;
	__u32 mdev_us;
	struct minmax rtt_min;
	__u32 segs_in;
	__u32 data_segs_in;
	__u32 total_retrans;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	bool is_mptcp;
	void *fastopen_rsk; /* of a TCP Fast Open child, until its handshake is done */
	struct list_head tsq_node;
};

/* One socket of a program, over several TCP ones, which it calls subflows. Since 5.6. */
struct mptcp_sock {
	struct list_head conn_list; /* of struct mptcp_subflow_context */
	struct sock *first;
};

struct mptcp_subflow_context {
	struct list_head node;
	struct sock *tcp_sock;
	struct sock *conn; /* the mptcp_sock */
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

/* The numbers depend on what the kernel was built with. */
enum cgroup_subsys_id {
	memory_cgrp_id,
	pids_cgrp_id,
	cpu_cgrp_id,
	devices_cgrp_id,
	freezer_cgrp_id,
	cpuset_cgrp_id,
	io_cgrp_id,
};

struct css_set {
	struct cgroup_subsys_state *subsys[1]; /* more: by cgroup_subsys_id */
	struct cgroup *dfl_cgrp;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1]; /* more: one of each level, from the first namespace on */
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct signal_struct {
	atomic_t live; /* threads */
};

struct task_struct {
	void *stack;
	unsigned int flags;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	const struct cred *cred;
	char comm[16];
	struct css_set *cgroups;
	struct mm_struct *mm;
	struct signal_struct *signal;
	__u64 start_boottime;
	__u64 self_exec_id;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	void *private_data;
	struct path f_path;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct msghdr {
	void *msg_name;
};

struct sk_buff {
	__be16 protocol;
	__u16 transport_header;
	__u16 network_header;
	unsigned char *head;
	unsigned long _skb_refdst;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_map {
	__u32 id;
};

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif
