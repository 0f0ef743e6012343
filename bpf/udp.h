/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * UDP connections: a socket, a program that uses it, and a peer. Fed with the results of
 * the calls that move datagrams: what a call returned is what it moved.
 */
#ifndef CONNTRACER_UDP_H
#define CONNTRACER_UDP_H

#include "flows.h"
#include "owner.h"
#include "sock.h"
#include "walk.h"
#include "wanted.h"

static __always_inline void end_udp(const struct udp_key *key, const struct udp_conn *conn)
{
	struct flow *flow = flow_at(conn->slot);

	if (bpf_map_delete_elem(&udp_conns, key) || !flow)
		return;
	ADD(flow->closed, 1);
	ADD(flow->references, -1);
}

/* Who has chosen its port is spoken to; and who let the kernel choose, if it hears first. */
static __always_inline __u8 direction_of_udp(struct sock *sk, bool sent)
{
	bool has_chosen = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK;
	bool hears = !sent && !BPF_CORE_READ(sk, __sk_common.skc_dport);

	return has_chosen || hears ? DIRECTION_PASSIVE : DIRECTION_ACTIVE;
}

/* `sk` may be a pointer that the verifier knows nothing of. */
static __always_inline void conn_of_udp(struct conn *conn, struct sock *sk,
					const struct udp_key *key, bool sent)
{
	struct udp_socket *known = bpf_map_lookup_elem(&udp_sockets, &key->cookie);

	conn->l4_proto = IPPROTO_UDP;
	conn->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	conn->direction = known ? known->direction : direction_of_udp(sk, sent);
	owner_from_current(&conn->owner, ATTRIBUTION_TASK);
}

/* False where there is no room: its connections end when they are idle. */
static __always_inline bool keep_socket(const struct udp_key *key, __u8 direction)
{
	struct udp_socket socket = {};
	int err;

	socket.first = *key;
	socket.direction = direction;
	err = insert(&udp_sockets, &key->cookie, &socket);
	return !err || err == -EEXIST;
}

static __always_inline struct udp_conn *open_udp(struct conn *conn, const struct udp_key *key,
						 const struct endpoints *ends)
{
	struct udp_conn udp = {};
	struct flow *flow;

	flow = refer_to_flow(conn, ends);
	if (!flow)
		return 0;
	udp.slot = conn->slot;
	udp.last_ns = bpf_ktime_get_ns();
	udp.socket_known = keep_socket(key, conn->direction);
	/* Not closed before the call is over, so what begins is counted before what ends. */
	if (bpf_map_update_elem(&udp_conns, key, &udp, BPF_NOEXIST))
		ADD(flow->references, -1);
	else
		ADD(flow->opened, 1);
	return bpf_map_lookup_elem(&udp_conns, key);
}

/* `socket` tells it from all others as long as it is there: its cookie, or its address. */
static __always_inline void on_datagram(struct sock *sk, __u64 socket, const struct endpoints *ends,
					__u32 bytes, bool sent)
{
	struct udp_key key = {};
	struct udp_conn *conn;
	struct conn fresh = {};
	struct flow *flow;

	key.cookie = socket;
	key.pid = bpf_get_current_pid_tgid() >> 32;
	key.remote_port = ends->remote_port;
	__builtin_memcpy(key.remote_address, ends->remote_address, 16);
	conn = bpf_map_lookup_elem(&udp_conns, &key);
	if (!conn) {
		conn_of_udp(&fresh, sk, &key, sent);
		/* The first datagram tells: a later one would not. */
		if (filter.direction)
			keep_socket(&key, fresh.direction);
		if (!is_conn_wanted(&fresh, ends))
			return;
		conn = open_udp(&fresh, &key, ends);
	}
	flow = conn ? flow_at(conn->slot) : 0;
	if (!flow) {
		LOST(datagrams, 1);
		return;
	}
	conn->last_ns = bpf_ktime_get_ns();
	if (sent) {
		conn->sent = 1;
		ADD(flow->bytes_sent, bytes);
	} else {
		conn->received = 1;
		ADD(flow->bytes_received, bytes);
	}
}

/* The last program that held it has closed it. */
static __always_inline void on_udp_release(__u64 socket)
{
	struct udp_socket *known = bpf_map_lookup_elem(&udp_sockets, &socket);
	struct udp_conn *conn;
	struct udp_key key;

	if (!known)
		return;
	key = known->first;
	bpf_map_delete_elem(&udp_sockets, &socket);
	conn = bpf_map_lookup_elem(&udp_conns, &key);
	if (conn)
		end_udp(&key, conn);
}

/* Of each entry of udp_conns: ends it where its socket is closed, or it has been idle. */
static __always_inline int visit_expire_udp(const struct udp_key *at, struct udp_conn *conn,
					    struct seq_file *seq)
{
	__u64 timeout = conn->sent && conn->received ? settings.udp_stream_timeout_ns
						     : settings.udp_timeout_ns;
	struct udp_key key = *at;
	bool is_closed = conn->socket_known && !bpf_map_lookup_elem(&udp_sockets, &key.cookie);
	/* Less than nothing where a datagram moves just now. */
	__s64 idle_ns = bpf_ktime_get_ns() - conn->last_ns;

	if (is_closed || idle_ns > (__s64)timeout)
		end_udp(&key, conn);
	return VISIT_NEXT;
}

#endif
