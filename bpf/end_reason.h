/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Why a connection has ended. */
#ifndef CONNTRACER_END_REASON_H
#define CONNTRACER_END_REASON_H

#include "events.h"

/*
 * Data for a program that has closed its socket: tcp_rcv_state_process() calls tcp_reset(),
 * as if a reset had come, and has one sent.
 */
static __always_inline bool is_answered_with_reset(const struct conn *conn,
						   const struct tcp_sock *tp)
{
	return conn->data_segments_at_close && tp->data_segs_in + 1 != conn->data_segments_at_close;
}

/*
 * Before 6.10 (853c3bd7b791) tcp_write_err() tells the program first, which may have taken the
 * error away by now (SO_ERROR). Without a program's call, and without an error, nothing else ends
 * an established connection; except that MPTCP resets what it is made of.
 */
static __always_inline int error_at_end(struct tcp_sock *tp, int oldstate)
{
	const struct sock *sk = sock_of(tp);
	int error = sk->sk_err;

	if (error || sk->sk_lock.owned || has_flag(sk->__sk_common.skc_flags, SOCK_DEAD) ||
	    (oldstate != TCP_ESTABLISHED && oldstate != TCP_CLOSE_WAIT))
		return error;
	if (bpf_core_type_exists(struct mptcp_sock) && tp->is_mptcp)
		return 0;
	error = sk->sk_err_soft; /* as it takes it */
	return error ? error : ETIMEDOUT;
}

/* tcp_write_err(): or what ICMP, or the lack of a route, has said meanwhile. */
static __always_inline bool is_timeout(int error)
{
	return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH ||
	       error == EHOSTDOWN;
}

/* How a connection that was not closed by FIN alone has ended. */
static __always_inline __u8 reason_of_end(const struct conn *conn, struct tcp_sock *tp,
					  int oldstate)
{
	int error = error_at_end(tp, oldstate);

	if (is_timeout(error))
		return CLOSE_TIMEOUT;
	if (error == ECONNRESET || error == EPIPE) /* tcp_reset() */
		return is_answered_with_reset(conn, tp) ? CLOSE_RESET_SENT : CLOSE_RESET_RECEIVED;
	if (oldstate == TCP_ESTABLISHED || oldstate == TCP_CLOSE_WAIT)
		return CLOSE_RESET_SENT; /* close() with unread data, SO_LINGER of 0 */
	return conn->close_reason;
}

/* After reason_of_end(). */
static __always_inline __u32 error_of_end(const struct conn *conn, struct tcp_sock *tp,
					  int oldstate)
{
	__u32 error = error_at_end(tp, oldstate);

	return error == ECONNRESET && conn->close_reason == CLOSE_RESET_SENT ? 0 : error;
}

#endif
