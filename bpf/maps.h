/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Every map, with who inserts, who deletes and who reads. */
#ifndef CONNTRACER_MAPS_H
#define CONNTRACER_MAPS_H

#include "conntracer.h"
#include "compat.h"
#include "sock.h"
#include <bpf/bpf_helpers.h>

/* User space sets the real sizes before loading (--max-connections, --max-flows). */

/* struct sock * → connection. Inserted at SYN_SENT, SYN_RECV and by the scan;
 * deleted when the socket is closed on both counts, or destroyed; read by the fold. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct conn);
} conns SEC(".maps");

/* Of very many open connections, those that are not idle: keys of conns. Inserted by the fold of
 * all, and when a connection is opened; deleted by the fold of these, when one is idle or gone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u32);
} awake SEC(".maps");

struct listener {
	struct owner owner;
	__u64 id;	 /* 0 where no events are asked for */
	__u64 opened_ns; /* 0: before the start */
	__u64 leader;	 /* struct task_struct * of its process: to be probed, see listener.h */
	struct task_identity process;
	__u32 is_wanted; /* --pid names it, or another process that the scan has met it in */
	__u32 looks;	 /* for a service that init has handed it to */
};

/* struct sock * of a listening socket → who listens. Inserted at LISTEN and by
 * the scan; deleted when listening ends; read when a connection arrives. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct listener);
} listeners SEC(".maps");

/* port → who listens on it, as of the start. Inserted, and read for connections that no file
 * leads to, by the scan of a network namespace, which meets the listening sockets first. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct listening_port);
	__type(value, struct owner);
} listening_ports SEC(".maps");

/* Inserted with the first datagram; deleted by expire_udp and when the socket is closed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct udp_key);
	__type(value, struct udp_conn);
} udp_conns SEC(".maps");

/* One entry: where the scan, which is one at a time, puts a connection together; the stack has
 * no room for it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct conn);
} adopted_conn SEC(".maps");

struct udp_socket {
	struct udp_key first; /* one of its udp_conns, mostly the only one */
	__u8 direction;	      /* enum direction */
	__u8 pad[7];
};

/* Cookie of an open UDP socket → what is known of it. Inserted with its first datagram; deleted
 * when the socket is closed; read by expire_udp. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct udp_socket);
} udp_sockets SEC(".maps");

/* Thread → the peer that its call is about. Written by the cgroup programs, in the middle of a
 * call; read and emptied by the tracepoints, at its end. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct udp_call);
} udp_calls SEC(".maps");

/* Slots of flows, mapped into user space, which reads them in place. Written by
 * all programs; user space zeroes a slot when nothing points to it any more. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

/* flow → its slot. Inserted with the flow's first connection; deleted by user
 * space when the flow has been idle. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow_key);
	__type(value, __u32);
} flow_slots SEC(".maps");

/* Slots to be had again. Pushed by user space, popped for each new flow. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 65536);
	__type(value, __u32);
} free_slots SEC(".maps");

/* The first slot that was never used; those below it are in use, or free again. */
__u64 next_slot = 1;

/* network namespace → its counts. Inserted with its first connection; read by user space for the
 * proof, and deleted by it when the namespace is gone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct netns_id);
	__type(value, struct netns_counts);
} netns_counters SEC(".maps");

/* Reserved and submitted by the hooks, without waking anybody; drained by user space by time. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/* The id of the next connection or listening socket, where events are asked for. */
__u64 next_id = 1;

struct shared shared SEC(".data.shared") = {};

/* What is open, one row each, mapped into user space, which reads it between two walks. Written by
 * show_conns. Only where `shown` is asked for; iterators write their rows to a file instead. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct event);
} shown SEC(".maps");

struct tuple {
	struct endpoints ends;
	__u32 netns;
};

/* Where it was → a connection that has ended, without its socket. Inserted where `reset_sent`
 * is asked for, as the kernel answers what comes too late; pushed out by others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct tuple);
	__type(value, struct conn);
} ended_conns SEC(".maps");

struct handshake {
	struct tuple tuple;
	__u32 isn; /* of the SYN-ACK: the same ports can come again */
};

/* Handshake → the id that its retransmitted SYN-ACKs had. Inserted where `retransmit` is asked
 * for, and read when the connection is established; a timer may send one more just then, so it
 * stays until it is pushed out by others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct handshake);
	__type(value, __u64);
} handshake_ids SEC(".maps");

struct known_image {
	struct task_identity of;
	__u32 id;
	__u32 pad;
};

/* process id → the image that was sent of it. Inserted, and compared, when a process is
 * seen; replaced when it is another one; pushed out by others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct known_image);
} images SEC(".maps");

__u32 next_image = 1;

/* Per CPU: where an image is put together. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct image);
} image_scratch SEC(".maps");

enum { IMAGE_HEADER = __builtin_offsetof(struct image, path) };

/* One entry, mapped into user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct losses);
} loss_counters SEC(".maps");

/* A section of its own, so that it begins at offset 0 of its map. */
const volatile struct settings settings SEC(".rodata.settings") = {
	.flow_key_parts = KEY_PROCESS,
};

/* Likewise. All zero, so that the verifier removes what asks for it, unless user space sets it. */
const volatile struct filter filter SEC(".rodata.filter") = {};

static __always_inline bool wants_events(void)
{
	return settings.event_types != 0;
}

#endif
