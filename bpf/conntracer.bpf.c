// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The programs. Their bodies are in the headers, by topic. */
#include "function_hooks.h"
#include "holders.h"
#include "once.h"
#include "reset.h"
#include "retransmit.h"
#include "scan.h"
#include "show.h"
#include "tcp.h"
#include "udp_calls.h"
#include "unseen_end.h"
#include "walk.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

HANDLER(state_handler);
HANDLER(destroy_handler);

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(handle__inet_sock_set_state, const struct sock *sk, int oldstate, int newstate)
{
	on_state(sk, oldstate, newstate);
	have_no_private_stack(ctx, &state_handler);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(handle__tcp_destroy_sock, const struct sock *sk)
{
	on_destroy(sk);
	have_no_private_stack(ctx, &destroy_handler);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tp__inet_sock_set_state, const struct sock *sk, int oldstate, int newstate)
{
	at_first_gate(ctx, sk, newstate);
	if (is_change_of_interest(newstate))
		bpf_tail_call(ctx, &state_handler, 0);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tp__tcp_destroy_sock, const struct sock *sk)
{
	at_first_gate(ctx, sk, DESTROYED);
	bpf_tail_call(ctx, &destroy_handler, 0);
	return 0;
}

#define LATER_GATES(suffix, gate)                                                                  \
	SEC("tp_btf/inet_sock_set_state")                                                          \
	int BPF_PROG(tp__inet_sock_set_state##suffix, const struct sock *sk, int oldstate,         \
		     int newstate)                                                                 \
	{                                                                                          \
		if (at_later_gate(ctx, sk, newstate, gate) && is_change_of_interest(newstate))     \
			bpf_tail_call(ctx, &state_handler, 0);                                     \
		return 0;                                                                          \
	}                                                                                          \
	LATER_GATE("tp_btf/tcp_destroy_sock", tp__tcp_destroy_sock, suffix, destroy_handler,       \
		   DESTROYED, gate)

LATER_GATES(_2, 2)
LATER_GATES(_3, 3)
LATER_GATES(_4, 4)
LATER_GATES(_5, 5)
LATER_GATES(_last, LAST_GATE)

/* Only for a moment, at the start. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(trial__tcp_destroy_sock, const struct sock *sk)
{
	note_preemption();
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(tp__tcp_retransmit_skb, const struct sock *sk)
{
	on_retransmit(sk);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(tp__tcp_retransmit_synack, const struct sock *sk, const struct request_sock *req)
{
	on_retransmit_synack(sk, req);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(tp__tcp_receive_reset, const struct sock *sk)
{
	on_receive_reset(sk);
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tp__tcp_send_reset, const struct sock *sk)
{
	on_send_reset(ctx, sk);
	return 0;
}

WALK(fold_conns, conns, __u64, struct conn)
WALK(fold_awake, awake, __u64, __u32)
WALK(show_conns, conns, __u64, struct conn)

SEC("iter/task_file")
int iter__adopt_listeners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (task && file)
		adopt_if_listener(task, file);
	return 0;
}

/* Of all programs, or of one: who holds what only the listener is known of. */
SEC("iter/task_file")
int iter__find_holders(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (task && file)
		find_holder(ctx->meta->seq, task, file);
	return 0;
}

/* In one network namespace. */
SEC("iter/tcp")
int iter__adopt_fileless(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;

	if (common)
		adopt_fileless(common);
	return 0;
}

/* Of all programs: whose a listening socket is by now. */
SEC("iter/task_file")
int iter__own_listeners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (task && file)
		own_listeners(task, file);
	return 0;
}

SEC("iter/task_file")
int iter__adopt_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (task && file)
		adopt_file(task, file);
	return 0;
}

HANDLER(send_handler);

/* Of every socket that sends, whatever its protocol: the others leave at once. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(udp__sock_send_length, struct sock *sk, int result, int flags)
{
	if (is_udp(sk))
		on_udp_call(sk, result, true);
	have_no_private_stack(ctx, &send_handler);
	return 0;
}

GATES_OF_PREEMPTED("tp_btf/sock_send_length", udp__sock_send_length, send_handler, CALLED_SEND)

HANDLER(recv_handler);

SEC("tp_btf/sock_recv_length")
int BPF_PROG(udp__sock_recv_length, struct sock *sk, int result, int flags)
{
	if (is_udp(sk))
		on_udp_call(sk, flags & (MSG_PEEK | MSG_ERRQUEUE) ? -1 : result, false);
	have_no_private_stack(ctx, &recv_handler);
	return 0;
}

GATES_OF_PREEMPTED("tp_btf/sock_recv_length", udp__sock_recv_length, recv_handler, CALLED_RECV)

SEC("cgroup/sendmsg4")
int udp__sendmsg4(struct bpf_sock_addr *ctx)
{
	note_peer(ctx, true);
	return 1;
}

SEC("cgroup/sendmsg6")
int udp__sendmsg6(struct bpf_sock_addr *ctx)
{
	note_peer(ctx, false);
	return 1;
}

SEC("cgroup/recvmsg4")
int udp__recvmsg4(struct bpf_sock_addr *ctx)
{
	note_peer(ctx, true);
	return 1;
}

SEC("cgroup/recvmsg6")
int udp__recvmsg6(struct bpf_sock_addr *ctx)
{
	note_peer(ctx, false);
	return 1;
}

SEC("cgroup/sock_release")
int udp__sock_release(struct bpf_sock *ctx)
{
	if (ctx->protocol == IPPROTO_UDP && ctx->type == SOCK_DGRAM)
		on_udp_release(bpf_get_socket_cookie(ctx));
	return 1;
}

WALK(check_listeners, listeners, __u64, struct listener)
WALK(tell_endings, endings, __u64, struct ending)
WALK(expire_udp, udp_conns, struct udp_key, struct udp_conn)
