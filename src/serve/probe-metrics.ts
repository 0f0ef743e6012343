/** What the kernel side did and cost, and how full it is, for Prometheus. What the kernel does not tell has no series. */

import { Counter, Gauge, type Registry } from "prom-client";
import type { ProbeStats } from "../flow/probe-stats.ts";
import type { ServiceProbes } from "../trace/client-records.ts";

const OF = ["program", "network_transport"] as const;
const IN = ["map", "network_transport"] as const;
const SECONDS = 1e9;

export class ProbeMetrics {
	readonly #runs: Counter;
	readonly #seconds: Counter;
	readonly #misses: Counter;
	readonly #entries: Gauge;
	readonly #most: Gauge;
	readonly #waiting: Gauge;
	readonly #size: Gauge;

	constructor(registry: Registry) {
		const registers = [registry];
		const counter = (name: string, help: string): Counter =>
			new Counter({ name: `conntracer_bpf_${name}`, help, labelNames: [...OF], registers });
		const gauge = (name: string, help: string, labelNames: readonly string[]): Gauge =>
			new Gauge({ name: `conntracer_${name}`, help, labelNames: [...labelNames], registers });
		this.#runs = counter("program_runs_total", "Runs of a BPF program, where they are counted.");
		this.#seconds = counter("program_seconds_total", "Time in it, where runs are counted.");
		this.#misses = counter("program_misses_total", "Runs that the kernel skipped.");
		this.#entries = gauge("map_entries", "Entries of a table in the kernel.", IN);
		this.#most = gauge("map_max_entries", "Entries that there can be.", IN);
		this.#waiting = gauge("ring_buffer_waiting_bytes", "Not read yet.", []);
		this.#size = gauge("ring_buffer_bytes", "Size of the ring buffer.", []);
	}

	set({ tcp, udp }: ServiceProbes): void {
		for (const metric of [this.#runs, this.#seconds, this.#misses]) metric.reset();
		this.#take(tcp, "tcp");
		if (udp !== null) this.#take(udp, "udp");
		this.#waiting.set(tcp.ring_buffer?.waiting_bytes ?? 0);
		this.#size.set(tcp.ring_buffer?.size_bytes ?? 0);
	}

	/** The kernel has the totals: they are told as they stand. */
	#take(
		{ programs, maps }: Pick<ProbeStats, "programs" | "maps">,
		network_transport: string,
	): void {
		for (const { name: program, runs, run_time_ns, recursion_misses, kprobe_misses } of programs) {
			const labels = { program, network_transport };
			if (runs !== null) this.#runs.inc(labels, runs);
			if (run_time_ns !== null) this.#seconds.inc(labels, run_time_ns / SECONDS);
			if (recursion_misses === null && kprobe_misses === null) continue;
			this.#misses.inc(labels, (recursion_misses ?? 0) + (kprobe_misses ?? 0));
		}
		for (const { name: map, entries, max_entries } of maps) {
			if (entries !== null) this.#entries.set({ map, network_transport }, entries);
			this.#most.set({ map, network_transport }, max_entries);
		}
	}
}
