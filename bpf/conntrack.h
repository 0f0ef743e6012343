/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Flows of conntrack: when they come into its table, and when they are over. */
#ifndef CONNTRACER_CONNTRACK_H
#define CONNTRACER_CONNTRACK_H

#include "conntracer.h"
#include "kernel_conntrack.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Resized before it is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 12);
} flow_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct flow_event_losses);
} flow_event_loss SEC(".maps");

/* Between the call of a function and its return: the packet, by the stack that it is on. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 12);
	__type(key, __u64);
	__type(value, __u64);
} confirming SEC(".maps");

enum { STACK_SHIFT = 14 };

static __always_inline void count_drop(void)
{
	__u32 zero = 0;
	struct flow_event_losses *lost = bpf_map_lookup_elem(&flow_event_loss, &zero);

	if (lost)
		__sync_fetch_and_add(&lost->dropped, 1);
}

/* 0: the flow has none, as where conntrack was told not to count when it began. */
static __always_inline __u64 extension(const struct nf_conn *ct, __u32 id)
{
	__u64 ext = (__u64)BPF_CORE_READ(ct, ext);
	__u8 offset = 0;

	if (!ext)
		return 0;
	bpf_probe_read_kernel(&offset, sizeof(offset),
			      (void *)(ext + bpf_core_field_offset(struct nf_ct_ext, offset) + id));
	return offset ? ext + offset : 0;
}

static __always_inline void read_counters(struct flow_event *event, const struct nf_conn *ct)
{
	__u64 at = extension(ct, bpf_core_enum_value(enum nf_ct_ext_id, NF_CT_EXT_ACCT));
	struct nf_conn_acct acct = {};

	if (!at || bpf_probe_read_kernel(&acct, sizeof(acct), (void *)at))
		return;
	event->is_counted = 1;
	event->packets_original = acct.counter[DIR_ORIGINAL].packets;
	event->bytes_original = acct.counter[DIR_ORIGINAL].bytes;
	event->packets_reply = acct.counter[DIR_REPLY].packets;
	event->bytes_reply = acct.counter[DIR_REPLY].bytes;
}

/* CONFIG_NF_CONNTRACK_TIMESTAMP */
static __always_inline void read_start(struct flow_event *event, const struct nf_conn *ct)
{
	struct nf_conn_tstamp tstamp = {};
	__u64 at;

	if (!bpf_core_enum_value_exists(enum nf_ct_ext_id, NF_CT_EXT_TSTAMP))
		return;
	at = extension(ct, bpf_core_enum_value(enum nf_ct_ext_id, NF_CT_EXT_TSTAMP));
	if (at && !bpf_probe_read_kernel(&tstamp, sizeof(tstamp), (void *)at))
		event->started_ns = tstamp.start;
}

/* IPv4 as IPv4-mapped IPv6. */
static __always_inline void read_address(__u8 to[16], const union nf_inet_addr *from, __u16 l3num)
{
	__u32 *words = (__u32 *)to;

	words[0] = words[1] = words[2] = words[3] = 0;
	if (l3num == AF_INET) {
		words[2] = bpf_htonl(0xffff);
		words[3] = BPF_CORE_READ(from, all[0]);
	} else {
		bpf_probe_read_kernel(to, 16, from);
	}
}

static __always_inline void read_tuple(struct flow_tuple *to, const struct nf_conntrack_tuple *from)
{
	__u16 l3num = BPF_CORE_READ(from, src.l3num);

	read_address(to->source, __builtin_preserve_access_index(&from->src.u3), l3num);
	read_address(to->destination, __builtin_preserve_access_index(&from->dst.u3), l3num);
	to->source_port = bpf_ntohs(BPF_CORE_READ(from, src.u.all));
	to->destination_port = bpf_ntohs(BPF_CORE_READ(from, dst.u.all));
}

static __always_inline void tell(const struct nf_conn *ct, __u8 is_over)
{
	const struct nf_conntrack_tuple *original, *reply;
	__u32 status = BPF_CORE_READ(ct, status);
	struct flow_event *event;

	if (!(status & IPS_CONFIRMED))
		return;
	event = bpf_ringbuf_reserve(&flow_events, sizeof(*event), 0);
	if (!event) {
		count_drop();
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	original = __builtin_preserve_access_index(&ct->tuplehash[DIR_ORIGINAL].tuple);
	reply = __builtin_preserve_access_index(&ct->tuplehash[DIR_REPLY].tuple);
	event->time_ns = bpf_ktime_get_ns();
	event->entry = (__u64)(unsigned long)ct;
	event->is_over = is_over;
	event->status = status;
	event->netns = BPF_CORE_READ(ct, ct_net.net, ns.inum);
	event->l4_proto = BPF_CORE_READ(original, dst.protonum);
	read_tuple(&event->original, original);
	read_tuple(&event->reply, reply);
	if (bpf_core_field_exists(ct->zone)) /* CONFIG_NF_CONNTRACK_ZONES */
		event->zone = BPF_CORE_READ(ct, zone.id);
	if (bpf_core_field_exists(ct->mark)) /* CONFIG_NF_CONNTRACK_MARK */
		event->mark = BPF_CORE_READ(ct, mark);
	read_counters(event, ct);
	read_start(event, ct);
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

/* With its first packet, as __nf_conntrack_confirm() returns. */
static __always_inline void on_confirmed(const void *skb, __u32 verdict)
{
	const struct sk_buff___tracked *packet = skb;
	__u64 ct = BPF_CORE_READ(packet, _nfct) & NFCT_PTRMASK;

	if (verdict == NF_ACCEPT && ct)
		tell((void *)ct, false);
}

/* Nothing that it calls calls it again, so each stack has one of it at a time. */
static __always_inline void on_confirm(__u64 stack_pointer, const void *skb)
{
	__u64 stack = stack_pointer >> STACK_SHIFT;
	__u64 packet = (__u64)(unsigned long)skb;

	int err = bpf_map_update_elem(&confirming, &stack, &packet, BPF_ANY);

	if (err)
		count_drop();
}

static __always_inline void on_confirm_return(__u64 stack_pointer, __u32 verdict)
{
	__u64 stack = stack_pointer >> STACK_SHIFT;
	__u64 *packet = bpf_map_lookup_elem(&confirming, &stack);

	if (!packet)
		return;
	on_confirmed((void *)*packet, verdict);
	bpf_map_delete_elem(&confirming, &stack);
}

/* The last reference is gone: no packet of it will come. */
static __always_inline void on_free(const struct nf_conn *ct)
{
	tell(ct, true);
}

#endif
