/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Whose a listening socket is. The process that called listen() can rename itself, or execute
 * another program, or end and leave the socket to a child; init can hand it to a service. Softirq,
 * in which a connection arrives, sees the process through its saved task_struct.
 */
#ifndef CONNTRACER_LISTENER_H
#define CONNTRACER_LISTENER_H

#include "image.h"
#include "tcp_socks.h"
#include "walk.h"
#include "wanted.h"

static __always_inline struct task_struct *leader_of(const struct listener *listener)
{
	return (struct task_struct *)listener->leader;
}

static __always_inline void note_process(struct listener *listener, __u64 task_address)
{
	struct task_struct *task = (struct task_struct *)task_address;

	listener->leader = (__u64)BPF_CORE_READ(task, group_leader);
	listener->process.started_ns = BPF_CORE_READ(leader_of(listener), start_boottime);
	listener->process.exec_id = BPF_CORE_READ(leader_of(listener), self_exec_id);
}

/* Memory that was given back may be another task's: that one has started at another time. */
static __always_inline bool is_process_there(const struct listener *listener)
{
	struct task_struct *leader = leader_of(listener);

	return BPF_CORE_READ(leader, start_boottime) == listener->process.started_ns &&
	       BPF_CORE_READ(leader, signal, live.counter) > 0;
}

static __always_inline bool has_executed(const struct listener *listener)
{
	return BPF_CORE_READ(leader_of(listener), self_exec_id) != listener->process.exec_id;
}

/* Of a process that has ended events say which one it was, until a look at files knows better. */
VERIFIED_ONCE int owner_of_listener(struct owner *to, const struct listener *listener)
{
	if (!to || !listener)
		return 0;
	*to = listener->owner;
	if (!is_process_there(listener)) {
		if (!wants_events())
			__builtin_memset(to, 0, sizeof(*to));
		return 0;
	}
	copy_comm(to->comm, leader_of(listener));
	to->uid = BPF_CORE_READ(leader_of(listener), cred, uid.val);
	if (has_executed(listener))
		to->image = 0;
	return 0;
}

enum { INIT_TGID = 1, INIT_LOOKS = 3 };

/* It hands sockets to services (socket activation), and holds them, too. */
static __always_inline bool is_of_init(const struct listener *listener)
{
	return BPF_CORE_READ(leader_of(listener), tgid) == INIT_TGID;
}

/* Of each entry of listeners: counts those of which a look at files may know more. */
static __always_inline int visit_check_listeners(const __u64 *key, struct listener *listener,
						 struct seq_file *seq)
{
	if (!is_process_there(listener)) {
		shared.stale_listeners++;
		return VISIT_NEXT;
	}
	if (is_of_init(listener) && listener->looks < INIT_LOOKS) {
		listener->looks++;
		shared.stale_listeners++;
	}
	if (has_executed(listener)) {
		note_process(listener, listener->leader);
		copy_comm(listener->owner.comm, leader_of(listener));
		listener->owner.image = wants_events() ? new_image(listener->leader) : 0;
	}
	return VISIT_NEXT;
}

static __always_inline void own_listener(struct sock *sk, struct task_struct *task)
{
	__u64 key = (__u64)(unsigned long)sk;
	struct listener *known = bpf_map_lookup_elem(&listeners, &key), listener;

	if (!known || task->tgid == INIT_TGID)
		return;
	listener = *known;
	if (is_process_there(&listener) && !is_of_init(&listener))
		return;
	identify_task(&listener.owner, task, ATTRIBUTION_LISTENER);
	note_process(&listener, as_number(task));
	if (wants_pid(listener.owner.pid))
		listener.is_wanted = true;
	bpf_map_update_elem(&listeners, &key, &listener, BPF_EXIST);
}

/* Of each file of each process: the first that holds a socket without an owner gets it. */
static __always_inline void own_listeners(struct task_struct *task, struct file *file)
{
	struct tcp_socks found;
	struct sock *sk;

	if (!find_tcp_socks(&found, file))
		return;
	for (int i = 0; i < MAX_SUBFLOWS && (sk = next_tcp_sock(&found)); i++)
		if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
			own_listener(sk, task);
}

#endif
