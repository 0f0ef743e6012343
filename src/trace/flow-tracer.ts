/** A running tracer of flows: a session, and the flow table that is read once an interval. */

import { containerLookup } from "../enrich/cgroups.ts";
import { mapMemoryBytes } from "../enrich/procfs.ts";
import {
	DEFAULT_INTERVAL_MS,
	DEFAULT_MAX_CONNECTIONS,
	DEFAULT_MAX_FLOWS,
	DEFAULT_UDP_STREAM_TIMEOUT_MS,
	DEFAULT_UDP_TIMEOUT_MS,
} from "../flow/defaults.ts";
import type { FlowFilter } from "../flow/filter.ts";
import { keyPartsFor } from "../flow/flow-subject.ts";
import { FlowTable } from "../flow/flow-table.ts";
import type { ProbeProgram, ProbeStats } from "../flow/probe-stats.ts";
import type {
	Aggregate,
	FlowBatch,
	FlowRecord,
	ReadyRecord,
	SummaryRecord,
	Transport,
} from "../flow/records.ts";
import { VERSION } from "../version.ts";
import { checkRange, ENTRIES, leastBufferBytes, MILLISECONDS } from "./check-range.ts";
import { boottimeMs, nowIso } from "./clock.ts";
import { FoldPlan, OF_ALL } from "./fold-plan.ts";
import type { KernelSide } from "./kernel-side.ts";
import type { NameTracer } from "./name-tracer.ts";
import { Session } from "./session.ts";
import type { SessionOptions } from "./session-options.ts";
import { ticks } from "./ticks.ts";
import { Translations } from "./translations.ts";
import { openTransports } from "./transports.ts";
import { type DnsOption, UsedNames } from "./used-names.ts";

/** What a tracer of flows can be told. */
export interface FlowTracerOptions extends SessionOptions {
	/** Milliseconds between batches, 1 to 2^31 - 1. Default 1000. */
	readonly intervalMs: number;
	/** What is one flow: see {@link Aggregate}. Default `process`. */
	readonly aggregate: Aggregate;
	/** Of compileFilter(). Default null: everything is shown. */
	readonly filter: FlowFilter | null;
	/** Flows of two processes or users are never one; `last_pid` and `uid` are then exact. Default false. */
	readonly byOwner: boolean;
	/** Flows at one time, 1 to 2^24; what finds no room is counted in gaps. Default 65,536. */
	readonly maxFlows: number;
	/** Null: TCP, and UDP where this kernel has what it takes. Default null. */
	readonly transport: Transport | null;
	/** Milliseconds without a datagram after which a UDP connection is over. Default 30,000. */
	readonly udpTimeoutMs: number;
	/** The same, once both sides have spoken. Default 120,000. */
	readonly udpStreamTimeoutMs: number;
	/** Names of remote addresses are learned from DNS meanwhile, for `remote_name`; by a tracer that is open already, or one of its own. Default null: they are not. */
	readonly dns?: DnsOption;
}

/** A table in the kernel, whose size is an option. */
export interface TableSize {
	readonly name: string;
	readonly maxEntries: number;
	/** Of the kernel's, taken from the start; null where it does not say. */
	readonly memoryBytes: number | null;
}

const DEFAULTS: Omit<FlowTracerOptions, "containerOf"> = {
	intervalMs: DEFAULT_INTERVAL_MS,
	aggregate: "process",
	filter: null,
	byOwner: false,
	maxConnections: DEFAULT_MAX_CONNECTIONS,
	maxFlows: DEFAULT_MAX_FLOWS,
	transport: null,
	udpTimeoutMs: DEFAULT_UDP_TIMEOUT_MS,
	udpStreamTimeoutMs: DEFAULT_UDP_STREAM_TIMEOUT_MS,
	dns: null,
	btfPath: null,
	libbpfPath: null,
	hooks: "auto",
	bpfStats: false,
	version: VERSION,
};

/**
 * Connections, added up in the kernel: one record for each flow and interval. Its hooks are in the
 * kernel from open() to close(); a process that ends without close() leaves nothing behind.
 *
 * Whatever is read, by batches(), start() or dumpFlows(), is not given again by another of them.
 */
export class FlowTracer implements Disposable, AsyncDisposable {
	/** What is attached; nothing after its time is missed. */
	readonly ready: ReadyRecord;
	readonly #session: Session;
	readonly #table: FlowTable;
	readonly #intervalMs: number;
	readonly #folds = new FoldPlan();
	#lastBatchAt = boottimeMs();
	readonly #translations: Translations;
	#polling: AbortController | null = null;
	readonly #names: UsedNames;

	private constructor(
		session: Session,
		ready: ReadyRecord,
		names: UsedNames,
		options: FlowTracerOptions,
	) {
		this.#translations = new Translations();
		this.ready = this.#translations.withWay(ready);
		this.#names = names;
		this.#session = session;
		this.#table = tableOf(session.kernel, options);
		this.#intervalMs = options.intervalMs;
	}

	/**
	 * Loads, attaches, and takes in what is open already. Takes some 100 ms.
	 *
	 * @throws LibbpfMissingError, PermissionError, UnsupportedError, LibbpfError; RangeError for an
	 * option. Nothing is left attached then
	 */
	static open(partial: Partial<FlowTracerOptions> = {}): FlowTracer {
		const options = { ...DEFAULTS, containerOf: containerLookup(), ...partial };
		checkRange("intervalMs", options.intervalMs, MILLISECONDS);
		checkRange("maxFlows", options.maxFlows, ENTRIES);
		for (const name of ["udpTimeoutMs", "udpStreamTimeoutMs"] as const)
			checkRange(name, options[name], MILLISECONDS);
		using opened = new DisposableStack();
		// First, so that it is at once told what is missing.
		const names = opened.use(new UsedNames(options.dns));
		const forFlows = {
			...options,
			...{ keyParts: keyPartsFor(options), eventTypes: 0, bufferBytes: leastBufferBytes() },
		};
		const { opened: session, missingUdp } = openTransports(options.transport, (transports) =>
			Session.open({ ...forFlows, transports }, (kernel) => tableOf(kernel, options).adopted()),
		);
		opened.use(session);
		const udp = missingUdp === null ? {} : { udp: `none: ${missingUdp}` };
		const hooks = { ...session.ready.hooks, ...udp, ...names.hooks };
		const tracer = new FlowTracer(session, { ...session.ready, hooks }, names, options);
		opened.move();
		return tracer;
	}

	/** Of the `dns` option: null without it. */
	get names(): NameTracer | null {
		return this.#names.tracer;
	}

	/**
	 * One batch an interval, `count` of them at most. Before the last one the hooks come out; when
	 * `signal` aborts it is a batch of the rest of an interval. After close() there is none more; a
	 * loop that is left early leaves the tracer as it is.
	 */
	async *batches(
		signal?: AbortSignal,
		count = Number.POSITIVE_INFINITY,
	): AsyncGenerator<FlowBatch, void, undefined> {
		let left = count;
		for await (const _ of ticks(this.#intervalMs, this.#session.endOf(signal))) {
			if (--left === 0) break;
			yield this.#read(this.#folds);
			if (this.#session.isClosed) return;
		}
		if (this.#session.isClosed) return;
		this.#session.end();
		yield this.#read();
	}

	/**
	 * Calls back once an interval, for the first time after the first one. Intervals that end before
	 * a promise that was returned is settled are added up in the next batch.
	 *
	 * @param intervalMs milliseconds, 1 to 2^31 - 1; that of the options if left out
	 * @returns a promise that is settled after stop() or close(); rejected with what `callback` throws,
	 * which stops it, with a RangeError, or with an Error where it was started before or is closed
	 */
	async start(
		callback: (batch: FlowBatch) => void | Promise<void>,
		intervalMs: number = this.#intervalMs,
	): Promise<void> {
		this.#session.requireOpen();
		checkRange("intervalMs", intervalMs, MILLISECONDS);
		if (this.#polling !== null) throw new Error("the tracer is started already");
		const polling = new AbortController();
		this.#polling = polling;
		try {
			for await (const _ of ticks(intervalMs, this.#session.endOf(polling.signal)))
				await callback(this.#read(this.#folds));
		} finally {
			if (this.#polling === polling) this.#polling = null;
		}
	}

	/** No callback of start() comes any more. The hooks stay in: what happens is for the next read. */
	stop(): void {
		this.#polling?.abort();
		this.#polling = null;
	}

	/**
	 * What has happened since the last call, or the last batch, or the start: the flows, and what was
	 * lost. Flows that are open but moved nothing are among them.
	 *
	 * @throws Error after close()
	 */
	dumpFlows(): FlowBatch {
		this.#session.requireOpen();
		return this.#read();
	}

	/**
	 * As dumpFlows(), but conntrack is not asked: `nat` is null.
	 *
	 * @internal
	 */
	dumpUntranslated(): FlowBatch {
		this.#session.requireOpen();
		return this.#readTable();
	}

	/** @throws Error after close() */
	tables(): TableSize[] {
		this.#session.requireOpen();
		return this.#session.kernel.tables.map(({ name, maxEntries, fd }) => {
			return { name, maxEntries, memoryBytes: mapMemoryBytes(fd) };
		});
	}

	/**
	 * How its BPF programs and tables fare: runs, misses, entries, losses. Costs a system call for each
	 * program and map, and never a walk through a table. Entries are counted by a program that the
	 * first call loads: who gives up rights calls it once before.
	 *
	 * @throws Error after close()
	 */
	probeStats(): ProbeStats {
		return this.#session.probeStats(null);
	}

	/**
	 * Of probeStats() the programs alone.
	 *
	 * @throws Error after close()
	 */
	programStats(): ProbeProgram[] {
		return this.#session.programStats();
	}

	/**
	 * Of the whole run. Takes the hooks out, if batches() has not come to its end.
	 *
	 * @throws Error after close()
	 */
	summary(): SummaryRecord {
		return this.#names.withLosses(this.#session.summary());
	}

	/** Detaches and frees everything. Idempotent. */
	close(): void {
		this.#names[Symbol.dispose]();
		this.#translations[Symbol.dispose]();
		this.#session[Symbol.dispose]();
	}

	/** For `using`: close(). */
	[Symbol.dispose](): void {
		this.close();
	}

	/** For `await using`: close(). */
	[Symbol.asyncDispose](): Promise<void> {
		this.close();
		return Promise.resolve();
	}

	#read(folds: FoldPlan | null = null): FlowBatch {
		this.names?.check();
		const batch = this.#readTable(folds);
		const flows = this.#translations.translated(batch.flows);
		const { names } = this;
		if (names === null) return { ...batch, flows };
		// After the table, so that whoever was answered and then connected has the name.
		names.tryRead();
		const gaps = [...batch.gaps, ...this.#names.takeGaps()];
		return { ...batch, flows: named(flows, names, batch.interval_ms), gaps };
	}

	/** Without a plan every connection is looked at. */
	#readTable(folds: FoldPlan | null = null): FlowBatch {
		const { kernel } = this.#session;
		if (this.#table.hasOpen()) {
			const fold = folds?.next(boottimeMs() - this.#lastBatchAt) ?? OF_ALL;
			this.#folds.found(kernel.walks.fold(fold));
			kernel.walks.expireUdp();
		}
		const now = boottimeMs();
		const time = nowIso();
		const interval_ms = Math.round(now - this.#lastBatchAt);
		this.#lastBatchAt = now;
		const flows = this.#table.read(time, interval_ms);
		const gaps = this.#session.gaps(time, this.#table.takeOverflow());
		this.#recycle(kernel);
		return { time, interval_ms, flows, gaps };
	}

	#recycle(kernel: KernelSide): void {
		const { keys, count, freed } = this.#table.retire();
		kernel.offerSlots(freed);
		if (count > 0) kernel.flowSlots.deleteAll(keys, count);
	}
}

function tableOf({ flowMemory, flows }: KernelSide, options: FlowTracerOptions): FlowTable {
	return new FlowTable(flowMemory.view, flows.maxEntries, options);
}

/** A name was good at some time of the interval. */
function named(
	flows: readonly FlowRecord[],
	names: NameTracer,
	intervalMs: number,
): readonly FlowRecord[] {
	if (names.size === 0) return flows;
	return flows.map((flow) => {
		const { netns, remote_address } = flow;
		if (remote_address === null) return flow;
		const remote_name = names.nameOf(netns, remote_address, intervalMs);
		return remote_name === null ? flow : { ...flow, remote_name };
	});
}
