/** The kernel's statistics of BPF programs (BPF_ENABLE_STATS, 5.8). */

import { checkInt } from "./check.ts";
import { closeFd } from "./libc.ts";
import type { Libbpf } from "./library.ts";

const BPF_STATS_RUN_TIME = 0;

/** Counts and times the runs of all programs in the system until the returned function is called. */
export function countRuns(library: Libbpf): () => void {
	const fd = checkInt(
		library,
		"count BPF runs",
		library.symbols.bpf_enable_stats(BPF_STATS_RUN_TIME),
	);
	return () => closeFd(fd);
}
