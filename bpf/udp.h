/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * UDP, from the results of the calls that move datagrams: what a call returned is what it
 * moved. A call knows its socket, but not its peer where the socket is not connected: this
 * one is noted before, in the same thread (udp_peer.h).
 */
#ifndef CONNTRACER_UDP_H
#define CONNTRACER_UDP_H

#include "flows.h"
#include "owner.h"
#include "udp_peer.h"

static __always_inline bool is_udp(const struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_UDP &&
	       (sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6);
}

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
	return BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_BINDPORT_LOCK ? DIRECTION_PASSIVE
									     : DIRECTION_ACTIVE;
}

static __always_inline struct udp_conn *open_udp(struct sock *sk, const struct udp_key *key,
						 const struct endpoints *ends)
{
	struct udp_conn udp = {};
	struct conn conn = {};
	struct flow *flow;
	long err;

	conn.l4_proto = IPPROTO_UDP;
	conn.netns = netns_of(sk);
	conn.direction = direction_of_udp(sk);
	owner_from_current(&conn.owner, ATTRIBUTION_TASK);
	flow = flow_of(&conn, ends);
	if (!flow)
		return 0;
	udp.slot = conn.slot;
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

/* At the end of a call: `result` is a number of bytes, or -errno. */
static __always_inline void on_udp_call(struct sock *sk, int result, bool sent)
{
	struct udp_key key = {};
	struct endpoints ends;
	struct udp_conn *conn;
	struct flow *flow;

	key.cookie = bpf_get_socket_cookie(sk);
	find_peer(&ends, sk, key.cookie);
	if (result < 0)
		return;
	key.pid = bpf_get_current_pid_tgid() >> 32;
	key.remote_port = ends.remote_port;
	__builtin_memcpy(key.remote_address, ends.remote_address, 16);
	conn = bpf_map_lookup_elem(&udp_conns, &key);
	if (!conn)
		conn = open_udp(sk, &key, &ends);
	flow = conn ? flow_at(conn->slot) : 0;
	if (!flow) {
		LOST(datagrams, 1);
		return;
	}
	conn->last_ns = bpf_ktime_get_ns();
	if (sent) {
		conn->sent = 1;
		ADD(flow->bytes_sent, result);
	} else {
		conn->received = 1;
		ADD(flow->bytes_received, result);
	}
}

/* close() of a UDP socket, by the last program that held it. */
static __always_inline void on_udp_release(__u64 cookie)
{
	struct udp_key *known = bpf_map_lookup_elem(&udp_sockets, &cookie);
	struct udp_conn *conn;
	struct udp_key key;

	if (!known)
		return;
	key = *known;
	bpf_map_delete_elem(&udp_sockets, &cookie);
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
