/** What the tracer itself costs. */

import { peakMemoryBytes } from "../enrich/procfs.ts";
import type { SummaryRecord } from "../flow/records.ts";
import type { KernelSide } from "./kernel-side.ts";

export class SelfStats implements Disposable {
	readonly #kernel: KernelSide;
	readonly #cpuAtStart = process.cpuUsage();
	readonly #stopCounting: (() => void) | null;

	/** With `bpfStats` the kernel counts and times the runs of all BPF programs until disposal. */
	constructor(kernel: KernelSide, bpfStats: boolean) {
		this.#kernel = kernel;
		this.#stopCounting = bpfStats ? kernel.countRuns() : null;
	}

	read(): SummaryRecord["self"] {
		const { user, system } = process.cpuUsage(this.#cpuAtStart);
		const { runs, runTimeNs } = this.#kernel.runs();
		return {
			cpu_ms: (user + system) / 1000,
			peak_memory_bytes: peakMemoryBytes(),
			bpf_runs: runs === 0 ? null : runs,
			bpf_ns: runs === 0 ? null : runTimeNs,
		};
	}

	[Symbol.dispose](): void {
		this.#stopCounting?.();
	}
}
