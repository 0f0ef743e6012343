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
	const struct sock *sk = sock_of(tp);

	if (is_timeout(sk->sk_err))
		return CLOSE_TIMEOUT;
	if (sk->sk_err == ECONNRESET || sk->sk_err == EPIPE) /* tcp_reset() */
		return is_answered_with_reset(conn, tp) ? CLOSE_RESET_SENT : CLOSE_RESET_RECEIVED;
	if (oldstate == TCP_ESTABLISHED || oldstate == TCP_CLOSE_WAIT)
		return CLOSE_RESET_SENT; /* close() with unread data, SO_LINGER of 0 */
	return conn->close_reason;
}

/* After reason_of_end(). */
static __always_inline __u32 error_of_end(const struct conn *conn, struct tcp_sock *tp)
{
	__u32 error = sock_of(tp)->sk_err;

	return error == ECONNRESET && conn->close_reason == CLOSE_RESET_SENT ? 0 : error;
}

#endif
