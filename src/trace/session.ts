/** What every tracer has: a kernel side that is attached, its losses, its proof, its own cost. */

import { kernelRelease } from "../enrich/procfs.ts";
import { LibbpfError } from "../errors.ts";
import { Libbpf } from "../ffi/library.ts";
import type { RingBuffer } from "../ffi/ring-buffer.ts";
import type { Answer } from "../flow/doctor.ts";
import type { ProbeProgram, ProbeStats } from "../flow/probe-stats.ts";
import type { GapRecord, ReadyRecord, SummaryRecord, Transport } from "../flow/records.ts";
import { bundledLibraries } from "./assets.ts";
import { checkRange, ENTRIES } from "./check-range.ts";
import { boottimeMs, nowIso } from "./clock.ts";
import type { Way } from "./features.ts";
import { chooseWays, requireFamily } from "./hook-choice.ts";
import type { KernelSideOptions } from "./kernel-set-up.ts";
import { KernelSide } from "./kernel-side.ts";
import { ListenerOwners } from "./listener-owners.ts";
import { Losses } from "./losses.ts";
import type { Ways } from "./plan.ts";
import { tryWay } from "./probe.ts";
import { NO_VERDICT, Proof, type Verdict } from "./proof.ts";
import { requireKernelTypes } from "./refusal.ts";
import { SelfStats } from "./self-stats.ts";
import type { SessionOptions } from "./session-options.ts";

/** Between two looks at what has changed: mostly some reads of memory. */
const TIDY_MS = 500;

export class Session implements Disposable {
	readonly kernel: KernelSide;
	readonly ready: ReadyRecord;
	readonly #losses: Losses;
	/** Null where no TCP is traced: there is nothing to hold against the kernel's counters. */
	readonly #proof: Proof | null;
	readonly #self: SelfStats;
	readonly #startedAt: number;
	readonly #countsRuns: boolean;
	readonly #tidying: NodeJS.Timeout | null;
	/** Null where a hook sees accept(). */
	readonly #listeners: ListenerOwners | null;
	#verdict: Verdict | null = null;
	readonly #closing = new AbortController();

	private constructor(
		kernel: KernelSide,
		options: SessionOptions & KernelSideOptions,
		adopted: (kernel: KernelSide) => number,
	) {
		this.kernel = kernel;
		this.#countsRuns = options.bpfStats;
		this.#self = new SelfStats(kernel, options.bpfStats);
		kernel.attach();
		this.#startedAt = boottimeMs();
		this.#losses = new Losses(kernel.lossMemory.view, nowIso());
		const tracesTcp = options.transports.includes("tcp");
		this.#proof = tracesTcp ? new Proof(kernel.netnsCounters) : null;
		const seesAccept = options.ways.accept !== "tracepoint";
		this.#listeners = seesAccept ? null : new ListenerOwners(kernel);
		this.#tidying = tracesTcp ? setInterval(() => this.#tidy(), TIDY_MS).unref() : null;
		this.ready = {
			type: "ready",
			time: nowIso(),
			version: options.version,
			kernel: kernelRelease(),
			libbpf: kernel.libbpf.version,
			hooks: hooksOf(options.transports, options.ways, kernel.walksBy),
			programs: kernel.programNames,
			open_connections: adopted(kernel),
		};
	}

	/**
	 * Loads, attaches, and takes in what is open already. `adopted` counts that.
	 *
	 * @throws LibbpfMissingError, PermissionError, UnsupportedError, LibbpfError; nothing is left
	 * attached then
	 */
	static open(
		options: SessionOptions & Omit<KernelSideOptions, "ways">,
		adopted: (kernel: KernelSide) => number,
	): Session {
		checkRange("maxConnections", options.maxConnections, ENTRIES);
		const { hooks, transports, btfPath } = options;
		const libbpf = Libbpf.open(options.libbpfPath, bundledLibraries);
		using probes = new DisposableStack();
		const answer = (way: Way): Answer => tryWay(libbpf, way, btfPath, probes);
		requireKernelTypes(btfPath);
		requireFamily(hooks, transports, answer);
		const ways = chooseWays(hooks, transports, answer);
		const kernel = KernelSide.load({ ...options, ways });
		try {
			return new Session(kernel, { ...options, ways }, adopted);
		} catch (error) {
			kernel[Symbol.dispose]();
			throw error;
		}
	}

	get isClosed(): boolean {
		return this.#closing.signal.aborted;
	}

	/** Aborts when `signal` does, or when this is closed: whoever waits does not wait on. */
	endOf(signal: AbortSignal | undefined): AbortSignal {
		const closing = this.#closing.signal;
		return signal === undefined ? closing : AbortSignal.any([closing, signal]);
	}

	/** SAFETY: what is mapped is gone after close(). */
	requireOpen(): void {
		if (this.isClosed) throw new Error("the tracer is closed");
	}

	/** What was lost since the last call; `overflow` are connections that found no flow. */
	gaps(time: string, overflow: number): GapRecord[] {
		return this.#losses.take(time, overflow, this.kernel.misses());
	}

	programStats(): ProbeProgram[] {
		this.requireOpen();
		return this.kernel.probes.programs(this.#countsRuns);
	}

	/** @param ring of events, where somebody reads them */
	probeStats(ring: Pick<RingBuffer, "waiting" | "bytes"> | null): ProbeStats {
		this.requireOpen();
		const { probes } = this.kernel;
		return {
			time: nowIso(),
			programs: this.programStats(),
			maps: probes.maps(),
			ring_buffer: ring && { waiting_bytes: ring.waiting(), size_bytes: ring.bytes },
			lost: this.#losses.now(0, this.kernel.misses()),
		};
	}

	/** The hooks come out, once. */
	end(): Verdict {
		this.requireOpen();
		if (this.#verdict === null) {
			this.#proof?.measure();
			this.kernel.detach();
			this.#verdict = this.#proof?.verdict() ?? NO_VERDICT;
		}
		return this.#verdict;
	}

	/** Of the whole run; before close(). Takes the hooks out, if that was not done. */
	summary(): SummaryRecord {
		const { seen, kernel, unverified } = this.end();
		return {
			type: "summary",
			time: nowIso(),
			duration_ms: Math.round(boottimeMs() - this.#startedAt),
			seen,
			kernel,
			unverified,
			lost: { ...this.#losses.totals },
			self: this.#self.read(),
		};
	}

	/** What could not be taken out now is tried again; a table that is full is counted in the kernel. */
	#tidy(): void {
		try {
			if (this.#verdict !== null) return;
			this.kernel.netnsCounters.tidy();
			this.#listeners?.tend(performance.now());
		} catch (error) {
			if (!(error instanceof LibbpfError)) throw error;
		}
	}

	/** Detaches and frees everything. Idempotent. */
	[Symbol.dispose](): void {
		this.#closing.abort();
		if (this.#tidying !== null) clearInterval(this.#tidying);
		this.#self[Symbol.dispose]();
		this.kernel[Symbol.dispose]();
	}
}

/** Feature → how it is hooked. */
function hooksOf(
	transports: readonly Transport[],
	ways: Ways,
	walks: string,
): Readonly<Record<string, string>> {
	const tcp = { tcp_lifecycle: "tracepoint", accept: ways.accept, existing_sockets: "iterator" };
	const udp = { udp: ways.udp, udp_peers: ways.udp === "tracepoint" ? "cgroup" : ways.udp };
	return {
		map_walks: walks,
		...(transports.includes("tcp") ? tcp : {}),
		...(transports.includes("udp") ? udp : {}),
	};
}
