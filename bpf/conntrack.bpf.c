// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The hooks of `accounting`, an object of its own: its types are a module's. Nothing runs for a
 * packet, but for the first one of a flow.
 */
#include "conntrack.h"
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("fexit/__nf_conntrack_confirm")
int BPF_PROG(fexit____nf_conntrack_confirm, struct sk_buff *skb, unsigned int verdict)
{
	on_confirmed(skb, verdict);
	return 0;
}

SEC("fentry/nf_conntrack_free")
int BPF_PROG(fentry__nf_conntrack_free, struct nf_conn *ct)
{
	on_free(ct);
	return 0;
}

SEC("kprobe/__nf_conntrack_confirm")
int BPF_KPROBE(kprobe____nf_conntrack_confirm, struct sk_buff *skb)
{
	on_confirm(PT_REGS_SP(ctx), skb);
	return 0;
}

SEC("kretprobe/__nf_conntrack_confirm")
int BPF_KRETPROBE(kretprobe____nf_conntrack_confirm, unsigned int verdict)
{
	on_confirm_return(PT_REGS_SP(ctx), verdict);
	return 0;
}

SEC("kprobe/nf_conntrack_free")
int BPF_KPROBE(kprobe__nf_conntrack_free, struct nf_conn *ct)
{
	on_free(ct);
	return 0;
}
