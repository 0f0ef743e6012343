/** What the kernel tells of a tracer's own programs and tables. */

import type { LossStage } from "./records.ts";

/** One BPF program. Counts are since it was loaded. */
export interface ProbeProgram {
	readonly name: string;
	/** Where it works, as libbpf names it: `tp_btf/inet_sock_set_state`, `kprobe/udp_sendmsg`. */
	readonly hook: string;
	/** False of what other programs call, and of what this kernel did not need. */
	readonly attached: boolean;
	/** Null where nobody has runs counted, and where it is not attached: others' runs are theirs. */
	readonly runs: number | null;
	/** Nanoseconds in all of them, with what they called; null where `runs` is. */
	readonly run_time_ns: number | null;
	/**
	 * Runs that the kernel skipped because it was running on that CPU already (bpf_prog_info, since
	 * Linux 5.12; of kprobes since 6.7). Null where the kernel does not tell.
	 */
	readonly recursion_misses: number | null;
	/**
	 * Calls of the function that its kprobe or kretprobe missed (bpf_link_info, since Linux 6.7). Null
	 * where the kernel does not tell, and of other hooks.
	 */
	readonly kprobe_misses: number | null;
}

/** A table of the kernel side. */
export interface ProbeMap {
	readonly name: string;
	/** `hash`, `lru_hash`, `array`, `queue`, … as bpf(2) has them; a number where it is none of ours. */
	readonly type: string;
	/** Now. Null of what is no hash table, and of all before Linux 6.6: it would take a walk. */
	readonly entries: number | null;
	readonly max_entries: number;
}

/** The ring buffer of a tracer of events. */
export interface ProbeBuffer {
	/** That nobody has read yet. */
	readonly waiting_bytes: number;
	readonly size_bytes: number;
}

/** What probeStats() tells. */
export interface ProbeStats {
	/** ISO 8601, UTC. */
	readonly time: string;
	readonly programs: readonly ProbeProgram[];
	/** Those of more than one entry. */
	readonly maps: readonly ProbeMap[];
	/** Null of a tracer of flows. */
	readonly ring_buffer: ProbeBuffer | null;
	/** Since the start, by stage; what found no flow as of the last reading. */
	readonly lost: Readonly<Record<LossStage, number>>;
}
