/** What a service would say of its kernel side. */

import type { ServiceProbes } from "../../src/trace/client-records.ts";
import { NOTHING_LOST } from "../../src/trace/losses.ts";

/** Of a kernel that tells all, and of one that tells little. */
export const PROBES: ServiceProbes = {
	tcp: {
		programs: [
			{
				...{ name: "tp__one", hook: "tp_btf/one", attached: true, runs: 5 },
				...{ run_time_ns: 2e9, recursion_misses: 1, kprobe_misses: null },
			},
		],
		maps: [{ name: "conns", type: "hash", entries: 3, max_entries: 100 }],
		...{ ring_buffer: { waiting_bytes: 7, size_bytes: 4096 }, lost: NOTHING_LOST },
	},
	udp: {
		programs: [
			{
				...{ name: "udp__one", hook: "cgroup/one", attached: true, runs: null },
				...{ run_time_ns: null, recursion_misses: null, kprobe_misses: null },
			},
		],
		maps: [{ name: "conns", type: "hash", entries: null, max_entries: 200 }],
		...{ ring_buffer: null, lost: NOTHING_LOST },
	},
};
