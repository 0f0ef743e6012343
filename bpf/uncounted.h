/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Connections of which it is known that nobody counts what they move. */
#ifndef CONNTRACER_UNCOUNTED_H
#define CONNTRACER_UNCOUNTED_H

#include "counters.h"
#include "flows.h"
#include "sockmap.h"

/* Of an open connection; for good. */
static __always_inline void note_uncounted(struct conn *conn, struct tcp_sock *tp)
{
	struct flow *flow;

	if (conn->is_uncounted || conn->phase != PHASE_OPEN || !is_in_sockmap(tp))
		return;
	conn->is_uncounted = 1;
	flow = flow_at(conn->slot);
	if (flow)
		ADD(flow->uncounted, 1);
}

#endif
