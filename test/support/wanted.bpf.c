// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Asks bpf/wanted.h about made-up connections: user space writes them, and reads the verdicts. */
#include "../../bpf/kernel.h"
#include "../../bpf/wanted.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct question {
	struct owner owner;
	__u32 netns;
	__u8 l4_proto;
	__u8 direction;
	__u8 is_wanted;
	__u8 pad;
	__u8 local_address[16];
	__u8 remote_address[16];
	__u16 local_port;
	__u16 remote_port;
	__u32 pad2;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct question);
} questions SEC(".maps");

/* Run by user space, once for each question: its arguments say which (since 5.10, 1b4d60ec162f). */
SEC("raw_tp")
int raw_tp__answer(__u64 *args)
{
	__u32 index = args[0];
	struct question *question = bpf_map_lookup_elem(&questions, &index);
	struct endpoints ends;
	struct owner owner;

	if (!question)
		return 0;
	owner = question->owner;
	__builtin_memcpy(ends.local_address, question->local_address, 16);
	__builtin_memcpy(ends.remote_address, question->remote_address, 16);
	ends.local_port = question->local_port;
	ends.remote_port = question->remote_port;
	question->is_wanted =
		is_wanted(&owner, question->netns, question->l4_proto, question->direction, &ends);
	return 0;
}
