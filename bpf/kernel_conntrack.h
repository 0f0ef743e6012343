/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The kernel's types of conntrack, most of them a module's; as kernel.h. */
#ifndef CONNTRACER_KERNEL_CONNTRACK_H
#define CONNTRACER_KERNEL_CONNTRACK_H

#include "kernel.h"

/* include/uapi/linux/netfilter.h */
enum { NF_ACCEPT = 1 };

/* include/uapi/linux/netfilter/nf_conntrack_common.h */
enum { IPS_CONFIRMED = 1 << 3 };
enum { DIR_ORIGINAL, DIR_REPLY };

/* Of sk_buff._nfct, the rest is enum ip_conntrack_info. */
#define NFCT_PTRMASK (~7UL)

/* Which values they have depends on what was built in. */
enum nf_ct_ext_id {
	NF_CT_EXT_ACCT = 3,
	NF_CT_EXT_TSTAMP = 5,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Of struct sk_buff, a part: the verifier knows the type of an argument by its own name. */
struct sk_buff___tracked {
	unsigned long _nfct;
};

union nf_inet_addr {
	__u32 all[4];
};

union nf_conntrack_man_proto {
	__be16 all;
};

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
	__u16 l3num;
};

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		union nf_inet_addr u3;
		union {
			__be16 all;
		} u;
		__u8 protonum;
	} dst;
};

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
};

struct nf_conntrack_zone {
	__u16 id;
};

/* A byte for each nf_ct_ext_id: where it begins in here; 0: it is not there. */
struct nf_ct_ext {
	__u8 offset[1];
};

struct nf_conn {
	struct nf_conntrack_zone zone;
	struct nf_conntrack_tuple_hash tuplehash[2];
	unsigned long status;
	possible_net_t ct_net;
	__u32 mark;
	struct nf_ct_ext *ext;
};

#pragma clang attribute pop

/* What NF_CT_EXT_ACCT and NF_CT_EXT_TSTAMP stand for: the same in all kernels. */
struct nf_conn_acct {
	struct {
		__u64 packets;
		__u64 bytes;
	} counter[2];
};

struct nf_conn_tstamp {
	__u64 start; /* nanoseconds since 1970 */
};

#endif
