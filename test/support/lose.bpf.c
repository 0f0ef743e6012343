/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Loses one packet of twenty as it arrives, so that its sender does not know. */

enum { XDP_DROP = 1, XDP_PASS = 2 };

static unsigned int (*bpf_get_prandom_u32)(void) = (void *)7;

__attribute__((section("xdp"), used)) int lose_some(void *packet)
{
	return bpf_get_prandom_u32() % 20 == 0 ? XDP_DROP : XDP_PASS;
}

__attribute__((section("license"), used)) char LICENSE[] = "Dual BSD/GPL";
