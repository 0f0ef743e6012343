/** A running tracer of flows: a session, and the flow table that is read once an interval. */

import {
	DEFAULT_INTERVAL_MS,
	DEFAULT_MAX_CONNECTIONS,
	DEFAULT_MAX_FLOWS,
	DEFAULT_UDP_STREAM_TIMEOUT_MS,
	DEFAULT_UDP_TIMEOUT_MS,
	LEAST_BUFFER_BYTES,
} from "../flow/defaults.ts";
import type { FlowFilter } from "../flow/filter.ts";
import { keyPartsFor } from "../flow/flow-subject.ts";
import { FlowTable } from "../flow/flow-table.ts";
import type {
	Aggregate,
	FlowBatch,
	ReadyRecord,
	SummaryRecord,
	Transport,
} from "../flow/records.ts";
import { VERSION } from "../version.ts";
import type { KernelSide } from "./kernel-side.ts";
import { nowIso, Session, type SessionOptions } from "./session.ts";
import { ticks } from "./ticks.ts";
import { openTransports } from "./transports.ts";

export type { HookFamily } from "./session.ts";

export interface FlowTracerOptions extends SessionOptions {
	/** Milliseconds between batches. */
	readonly intervalMs: number;
	readonly aggregate: Aggregate;
	readonly filter: FlowFilter | null;
	/** Flows of two processes or users are never one; `last_pid` and `uid` are then exact. */
	readonly byOwner: boolean;
	readonly maxFlows: number;
	/** Null: TCP, and UDP where this kernel has what it takes. */
	readonly transport: Transport | null;
	/** Milliseconds without a datagram after which a UDP connection is over. */
	readonly udpTimeoutMs: number;
	/** The same, once both sides have spoken. */
	readonly udpStreamTimeoutMs: number;
	/** cgroup v2 id → container id, or null. */
	readonly containerOf: (cgroupId: string) => string | null;
}

const DEFAULTS: FlowTracerOptions = {
	intervalMs: DEFAULT_INTERVAL_MS,
	aggregate: "process",
	filter: null,
	byOwner: false,
	maxConnections: DEFAULT_MAX_CONNECTIONS,
	maxFlows: DEFAULT_MAX_FLOWS,
	transport: null,
	udpTimeoutMs: DEFAULT_UDP_TIMEOUT_MS,
	udpStreamTimeoutMs: DEFAULT_UDP_STREAM_TIMEOUT_MS,
	btfPath: null,
	libbpfPath: null,
	hooks: "auto",
	bpfStats: false,
	version: VERSION,
	containerOf: () => null,
};

export class FlowTracer implements Disposable {
	readonly ready: ReadyRecord;
	readonly #session: Session;
	readonly #table: FlowTable;
	readonly #intervalMs: number;
	#lastBatchAt = performance.now();

	private constructor(session: Session, ready: ReadyRecord, table: FlowTable, intervalMs: number) {
		this.ready = ready;
		this.#session = session;
		this.#table = table;
		this.#intervalMs = intervalMs;
	}

	/**
	 * Loads, attaches, and takes in what is open already.
	 *
	 * @throws LibbpfMissingError, PermissionError, UnsupportedError, LibbpfError; nothing is left
	 * attached then
	 */
	static open(partial: Partial<FlowTracerOptions> = {}): FlowTracer {
		const options = { ...DEFAULTS, ...partial };
		const tableOf = ({ flowMemory, flows }: KernelSide): FlowTable =>
			new FlowTable(flowMemory.view, flows.maxEntries, options);
		const forFlows = {
			...options,
			...{ keyParts: keyPartsFor(options), eventTypes: 0, bufferBytes: LEAST_BUFFER_BYTES },
		};
		const { opened: session, missingUdp } = openTransports(options.transport, (transports) =>
			Session.open({ ...forFlows, transports }, (kernel) => tableOf(kernel).adopted()),
		);
		const hooks = missingUdp === null ? {} : { udp: `none: ${missingUdp}` };
		const ready = { ...session.ready, hooks: { ...session.ready.hooks, ...hooks } };
		return new FlowTracer(session, ready, tableOf(session.kernel), options.intervalMs);
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
			if (this.#session.isClosed) return;
			if (--left === 0) break;
			yield this.#read();
		}
		if (this.#session.isClosed) return;
		this.#session.end();
		yield this.#read();
	}

	/** Of the whole run; before close(). Takes the hooks out, if batches() has not come to its end. */
	summary(): SummaryRecord {
		return this.#session.summary();
	}

	/** Detaches and frees everything. Idempotent. */
	close(): void {
		this.#session[Symbol.dispose]();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	#read(): FlowBatch {
		const { kernel } = this.#session;
		if (this.#table.hasOpen()) {
			kernel.foldConnections();
			kernel.expireUdp();
		}
		const now = performance.now();
		const time = nowIso();
		const interval_ms = Math.round(now - this.#lastBatchAt);
		this.#lastBatchAt = now;
		const flows = this.#table.read(time, interval_ms);
		const gaps = this.#session.gaps(time, this.#table.takeOverflow());
		this.#recycle(kernel);
		return { time, interval_ms, flows, gaps };
	}

	#recycle(kernel: KernelSide): void {
		const { keys, count, offered } = this.#table.retire();
		if (offered > 0) kernel.offerSlots();
		if (count > 0) kernel.flowSlots.deleteAll(keys, count);
	}
}
