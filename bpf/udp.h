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
#include "wanted.h"

static __always_inline void end_udp(const struct udp_key *key, const struct udp_conn *conn)
{
	struct flow *flow = flow_at(conn->slot);

	if (bpf_map_delete_elem(&udp_conns, key) || !flow)
		return;
	ADD(flow->closed, 1);
	ADD(flow->references, -1);
}

/* Who has chosen its port is who is spoken to. */
static __always_inline __u8 direction_of_udp(struct sock *sk)
{
	return BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks) & SOCK_BINDPORT_LOCK
		       ? DIRECTION_PASSIVE
		       : DIRECTION_ACTIVE;
}

/* `sk` may be a pointer that the verifier knows nothing of. */
static __always_inline void conn_of_udp(struct conn *conn, struct sock *sk)
{
	conn->l4_proto = IPPROTO_UDP;
	conn->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	conn->direction = direction_of_udp(sk);
	owner_from_current(&conn->owner, ATTRIBUTION_TASK);
}

static __always_inline struct udp_conn *open_udp(struct conn *conn, const struct udp_key *key,
						 const struct endpoints *ends)
{
	struct udp_conn udp = {};
	struct flow *flow;
	long err;

	flow = flow_of(conn, ends);
	if (!flow)
		return 0;
	udp.slot = conn->slot;
	udp.last_ns = bpf_ktime_get_ns();
	err = bpf_map_update_elem(&udp_sockets, &key->cookie, key, BPF_NOEXIST);
	udp.socket_known = !err || err == -EEXIST;
	/* First the reference: from the insert on, it can end. */
	ADD(flow->references, 1);
	ADD(flow->opened, 1);
	err = bpf_map_update_elem(&udp_conns, key, &udp, BPF_NOEXIST);
	if (err) {
		ADD(flow->references, -1);
		ADD(flow->opened, -1);
	}
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
		conn_of_udp(&fresh, sk);
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
	struct udp_key *known = bpf_map_lookup_elem(&udp_sockets, &socket);
	struct udp_conn *conn;
	struct udp_key key;

	if (!known)
		return;
	key = *known;
	bpf_map_delete_elem(&udp_sockets, &socket);
	conn = bpf_map_lookup_elem(&udp_conns, &key);
	if (conn)
		end_udp(&key, conn);
}

/* Of each udp_conn, once in a while. */
static __always_inline void expire_udp(const struct udp_key *at, const struct udp_conn *conn)
{
	__u64 timeout = conn->sent && conn->received ? settings.udp_stream_timeout_ns
						     : settings.udp_timeout_ns;
	struct udp_key key = *at;
	bool is_closed = conn->socket_known && !bpf_map_lookup_elem(&udp_sockets, &key.cookie);

	if (is_closed || bpf_ktime_get_ns() - conn->last_ns > timeout)
		end_udp(&key, conn);
}

#endif
