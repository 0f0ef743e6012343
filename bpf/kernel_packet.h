/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The kernel's types of packets and handshakes; as kernel.h. */
#ifndef CONNTRACER_KERNEL_PACKET_H
#define CONNTRACER_KERNEL_PACKET_H

#include "kernel.h"

/* Where addresses stand: RFC 791, RFC 8200. */
enum { IPV4_SOURCE = 12, IPV4_DESTINATION = 16, IPV6_SOURCE = 8, IPV6_DESTINATION = 24 };

/* RFC 9293 */
enum { TCP_FLAGS = 13, TCP_FLAG_SYN = 0x02 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_device {
	possible_net_t nd_net;
};

struct dst_entry {
	struct net_device *dev;
};

struct request_sock {
	struct sock_common __req_common;
	__u8 num_retrans;
};

struct tcp_request_sock {
	__u32 snt_isn;
};

#pragma clang attribute pop

#endif
