/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* In accept(), where a function can be hooked: the caller is current, and has its connection. */
#ifndef CONNTRACER_ACCEPT_H
#define CONNTRACER_ACCEPT_H

#include "tcp_open.h"

/*
 * security_sock_graft() is called in each accept(), with the lock of the new socket held. A hook
 * there also sees calls that were waiting when it was set; one on the return of inet_csk_accept()
 * does not. `sk` is a pointer that the verifier may know nothing of.
 */
static __always_inline void on_accept(struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u64 key = key_of(tp);
	struct conn *conn = bpf_map_lookup_elem(&conns, &key);
	struct endpoints ends;
	struct flow *flow;

	if (!conn || conn->direction != DIRECTION_PASSIVE)
		return;
	identify_current(&conn->owner, ATTRIBUTION_TASK);
	endpoints_probed(&ends, tp);
	if (has_flow(conn->phase)) { /* since before the start */
		flow = flow_at(conn->slot);
		if (!flow)
			return;
		note_owner(flow, &conn->owner);
	} else if (!is_conn_wanted(conn, &ends)) {
		bpf_map_delete_elem(&conns, &key);
	} else if (conn->phase == PHASE_UNACCEPTED) {
		open_conn(tp, conn, &ends, true);
	}
}

#endif
