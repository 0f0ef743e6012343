/** A running tracer of flows: wires the kernel side, the flow table, the losses and the proof. */

import { kernelRelease } from "../enrich/procfs.ts";
import { UnsupportedError } from "../errors.ts";
import { isoTime } from "../flow/clock.ts";
import {
	DEFAULT_INTERVAL_MS,
	DEFAULT_MAX_CONNECTIONS,
	DEFAULT_MAX_FLOWS,
} from "../flow/defaults.ts";
import type { FlowFilter } from "../flow/filter.ts";
import { keyPartsFor } from "../flow/flow-subject.ts";
import { FlowTable } from "../flow/flow-table.ts";
import type { Aggregate, FlowBatch, ReadyRecord, SummaryRecord } from "../flow/records.ts";
import { VERSION } from "../version.ts";
import { KernelSide } from "./kernel-side.ts";
import { Losses } from "./losses.ts";
import { Proof, type Verdict } from "./proof.ts";
import { SelfStats } from "./self-stats.ts";
import { ticks } from "./ticks.ts";

export type HookFamily = "auto" | "tracepoint" | "fentry" | "kprobe";

export interface FlowTracerOptions {
	/** Milliseconds between batches. */
	readonly intervalMs: number;
	readonly aggregate: Aggregate;
	readonly filter: FlowFilter | null;
	/** Connections that can be open at once. */
	readonly maxConnections: number;
	readonly maxFlows: number;
	/** Kernel types, where /sys/kernel/btf/vmlinux will not do. */
	readonly btfPath: string | null;
	/** A libbpf to use in place of the system's or ours. */
	readonly libbpfPath: string | null;
	readonly hooks: HookFamily;
	/** Count and time the runs of our programs; costs them some 20 ns each. */
	readonly bpfStats: boolean;
	readonly version: string;
	/** cgroup v2 id → container id, or null. */
	readonly containerOf: (cgroupId: string) => string | null;
}

const DEFAULTS: FlowTracerOptions = {
	intervalMs: DEFAULT_INTERVAL_MS,
	aggregate: "process",
	filter: null,
	maxConnections: DEFAULT_MAX_CONNECTIONS,
	maxFlows: DEFAULT_MAX_FLOWS,
	btfPath: null,
	libbpfPath: null,
	hooks: "auto",
	bpfStats: false,
	version: VERSION,
	containerOf: () => null,
};

const nowIso = (): string => isoTime(performance.timeOrigin + performance.now());

export class FlowTracer implements Disposable {
	readonly ready: ReadyRecord;
	readonly #kernel: KernelSide;
	readonly #table: FlowTable;
	readonly #losses: Losses;
	readonly #proof: Proof;
	readonly #self: SelfStats;
	readonly #intervalMs: number;
	readonly #startedAt: number;
	#lastBatchAt: number;
	#verdict: Verdict | null = null;
	#isClosed = false;

	private constructor(kernel: KernelSide, options: FlowTracerOptions) {
		this.#kernel = kernel;
		this.#intervalMs = options.intervalMs;
		this.#table = new FlowTable(kernel.flowMemory.view, kernel.flows.maxEntries, options);
		this.#self = new SelfStats(kernel, options.bpfStats);
		kernel.attach();
		this.#startedAt = performance.now();
		this.#lastBatchAt = this.#startedAt;
		this.#losses = new Losses(kernel.lossMemory.view, nowIso());
		this.#proof = new Proof(kernel.netnsCounters);
		this.ready = {
			type: "ready",
			time: nowIso(),
			version: options.version,
			kernel: kernelRelease(),
			libbpf: kernel.libbpf.version,
			hooks: {
				tcp_lifecycle: "tracepoint",
				accept: "tracepoint",
				existing_sockets: "iterator",
			},
			programs: kernel.programNames,
			open_connections: this.#table.adopted(),
		};
	}

	/**
	 * Loads, attaches, and takes in what is open already.
	 *
	 * @throws LibbpfMissingError, PermissionError, UnsupportedError, LibbpfError; nothing is left
	 * attached then
	 */
	static open(partial: Partial<FlowTracerOptions> = {}): FlowTracer {
		const options = { ...DEFAULTS, ...partial };
		if (options.hooks === "fentry" || options.hooks === "kprobe")
			throw new UnsupportedError(
				`--hooks ${options.hooks}`,
				null,
				"this version hooks tracepoints only",
				"leave --hooks out, or say --hooks tracepoint",
			);
		const kernel = KernelSide.load({ ...options, keyParts: keyPartsFor(options) });
		try {
			return new FlowTracer(kernel, options);
		} catch (error) {
			kernel[Symbol.dispose]();
			throw error;
		}
	}

	/**
	 * One batch an interval, `count` of them at most. Before the last one the hooks come out; when
	 * `signal` aborts it is a batch of the rest of an interval.
	 */
	async *batches(
		signal: AbortSignal,
		count = Number.POSITIVE_INFINITY,
	): AsyncGenerator<FlowBatch, void, undefined> {
		let left = count;
		for await (const _ of ticks(this.#intervalMs, signal)) {
			if (this.#isClosed) return;
			if (--left === 0) break;
			yield this.#read();
		}
		if (this.#isClosed) return;
		this.#end();
		yield this.#read();
	}

	/** Of the whole run; before close(). Takes the hooks out, if batches() has not come to its end. */
	summary(): SummaryRecord {
		const { seen, kernel, unverified } = this.#end();
		return {
			type: "summary",
			time: nowIso(),
			duration_ms: Math.round(performance.now() - this.#startedAt),
			seen,
			kernel,
			unverified,
			lost: { ...this.#losses.totals },
			self: this.#self.read(),
		};
	}

	/** Detaches and frees everything. Idempotent. */
	close(): void {
		this.#isClosed = true;
		this.#self[Symbol.dispose]();
		this.#kernel[Symbol.dispose]();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	/** SAFETY: what is mapped is gone after close(), so nothing may read it then. */
	#end(): Verdict {
		if (this.#isClosed) throw new Error("the tracer is closed");
		if (this.#verdict === null) {
			this.#proof.measure();
			this.#kernel.detach();
			this.#verdict = this.#proof.verdict();
		}
		return this.#verdict;
	}

	#read(): FlowBatch {
		if (this.#table.hasOpen()) this.#kernel.foldConnections();
		const now = performance.now();
		const time = nowIso();
		const interval_ms = Math.round(now - this.#lastBatchAt);
		this.#lastBatchAt = now;
		const flows = this.#table.read(time, interval_ms);
		const gaps = this.#losses.take(time, this.#table.takeOverflow(), this.#kernel.misses());
		this.#recycle();
		return { time, interval_ms, flows, gaps };
	}

	#recycle(): void {
		const { keys, count, offered } = this.#table.retire();
		if (offered > 0) this.#kernel.offerSlots();
		if (count > 0) this.#kernel.flowSlots.deleteAll(keys, count);
	}
}
