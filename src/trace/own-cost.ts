/** What a run has cost, where nothing is held against the kernel's counters, and the kernel counts no runs. */

import { peakMemoryBytes } from "../enrich/procfs.ts";
import type { SummaryRecord } from "../flow/records.ts";
import { boottimeMs, nowIso } from "./clock.ts";
import { NOTHING_LOST } from "./losses.ts";
import { NO_VERDICT } from "./proof.ts";

export class OwnCost {
	readonly #startedAt = boottimeMs();
	readonly #cpuAtStart = process.cpuUsage();

	/** @param lost in the whole run; stages that are left out lost nothing */
	summary(lost: Partial<SummaryRecord["lost"]>): SummaryRecord {
		const { user, system } = process.cpuUsage(this.#cpuAtStart);
		return {
			...{ type: "summary", time: nowIso() },
			duration_ms: Math.round(boottimeMs() - this.#startedAt),
			...NO_VERDICT,
			lost: { ...NOTHING_LOST, ...lost },
			self: {
				cpu_ms: (user + system) / 1000,
				peak_memory_bytes: peakMemoryBytes(),
				bpf_runs: null,
				bpf_ns: null,
			},
		};
	}
}
