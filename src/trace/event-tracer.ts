/** A running tracer of events: a session, and the ring buffer that is drained by time. */

import { containerLookup } from "../enrich/cgroups.ts";
import { Processes } from "../enrich/processes.ts";
import { errnoName } from "../ffi/errno.ts";
import { RingBuffer } from "../ffi/ring-buffer.ts";
import { Acceptors, applyRefinements } from "../flow/acceptors.ts";
import { DEFAULT_UDP_STREAM_TIMEOUT_MS, DEFAULT_UDP_TIMEOUT_MS } from "../flow/defaults.ts";
import { EventDecoder, type EventNames } from "../flow/event-decoder.ts";
import { EventFieldsInPlace } from "../flow/event-fields.ts";
import { type EventSlice, LazySlice } from "../flow/event-slice.ts";
import { EventWindow } from "../flow/event-window.ts";
import type { FlowFilter } from "../flow/filter.ts";
import { subjectOfConnection } from "../flow/flow-subject.ts";
import { decodeImage, isImage } from "../flow/image-decoder.ts";
import type { ProbeProgram, ProbeStats } from "../flow/probe-stats.ts";
import type {
	ConnectionFields,
	EventBatch,
	EventRecord,
	GapRecord,
	ReadyRecord,
	SummaryRecord,
} from "../flow/records.ts";
import { flow } from "../maps/structs.ts";
import { checkBufferBytes } from "./check-range.ts";
import { clocks, followClocks, nowIso } from "./clock.ts";
import { DEFAULTS, type EventTracerOptions } from "./event-options.ts";
import { eventTypesOf } from "./event-types.ts";
import { OF_ALL } from "./fold-plan.ts";
import { HolderLook } from "./holder-look.ts";
import type { KernelSide } from "./kernel-side.ts";
import type { NameTracer } from "./name-tracer.ts";
import { applyEnds, OtherEnds } from "./other-ends.ts";
import { Session } from "./session.ts";
import { ShownConnections } from "./shown-connections.ts";
import { pause } from "./ticks.ts";

/** Events are of TCP connections: UDP has none. */
const NO_FLOWS = {
	transports: ["tcp"],
	keyParts: 0,
	maxFlows: 1,
	udpTimeoutMs: DEFAULT_UDP_TIMEOUT_MS,
	udpStreamTimeoutMs: DEFAULT_UDP_STREAM_TIMEOUT_MS,
} as const;

/** Between two looks at the buffer; when a look finds it this full, the next one comes at once. */
const PAUSE_MS = 50;
const HURRY = 1 / 8;
/**
 * Between two looks for connections whose end no hook saw, or that came into a sockmap. In between
 * it is fifty times as long as a look took, which is 2 % of the time.
 */
const CHECK_MS = { least: 1000, most: 5000 } as const;
const CHECK_PAUSE_FACTOR = 50;
/** Where the buffer was not emptied: two CPUs differ by some microseconds in what they call now. */
const HOLD_BACK_NS = 1_000_000;
/** Between two looks for connections that are over, and not read to their end. */
const TELL_ENDINGS_MS = 250;
/** Records of one batch: as many as can be put into text and written without a long silence. */
const MOST_IN_BATCH = 8192;

interface Parts {
	readonly session: Session;
	readonly ring: RingBuffer;
	readonly ends: OtherEnds;
}

/**
 * Each single connection: one record for each thing that happens to it. Its hooks are in the kernel
 * from open() to close(); a process that ends without close() leaves nothing behind.
 */
export class EventTracer implements Disposable, AsyncDisposable {
	/** What is attached; nothing after its time is missed. */
	readonly ready: ReadyRecord;
	readonly #session: Session;
	readonly #ring: RingBuffer;
	readonly #decoder: EventDecoder;
	readonly #names: EventNames;
	readonly #window = new EventWindow(MOST_IN_BATCH);
	readonly #processes = new Processes();
	readonly #acceptors: Acceptors;
	readonly #ends: OtherEnds;
	readonly #shown: ShownConnections;
	readonly #filter: FlowFilter | null;
	readonly #take: (offset: number, end: number) => void;
	#nextCheckAt = performance.now() + CHECK_MS.least;
	#endingsToldAt = performance.now();
	#owned = new DisposableStack();
	/** In the buffer. It is kept until the next look, as a slice is read in place. */
	#toldUntil = 0;

	private constructor({ session, ring, ends }: Parts, options: EventTracerOptions) {
		this.#session = session;
		this.#ring = ring;
		this.#ends = ends;
		this.ready = ends.withWays(session.ready);
		this.#names = {
			clocks: clocks(),
			errnoName,
			containerOf: options.containerOf,
			processOf: (image) => this.#processes.detailsOfImage(image),
		};
		this.#decoder = new EventDecoder(ring.view, this.#names);
		this.#shown = new ShownConnections(this.#names, ends);
		const look = new HolderLook(session.kernel, {
			containerOf: options.containerOf,
			processOf: (pid, name, started) => this.#processes.detailsOf(pid, name, started),
		});
		const now = (): number => performance.now();
		this.#acceptors = new Acceptors({ look: (pids) => look.look(pids), now });
		this.#filter = options.filter;
		this.#take = (offset, end) => {
			if (isImage(ring.view, offset)) this.#processes.learn(decodeImage(ring.view, offset));
			else this.#window.add(offset, end, this.#decoder.since(offset));
		};
	}

	/**
	 * Loads, attaches, and takes in what is open already: it has no `connect`, but a `close`.
	 *
	 * @throws LibbpfMissingError, PermissionError, UnsupportedError, LibbpfError; RangeError for an
	 * option. Nothing is left attached then
	 */
	static open(partial: Partial<EventTracerOptions> = {}): EventTracer {
		const options = { ...DEFAULTS, containerOf: containerLookup(), ...partial };
		checkBufferBytes(options.bufferBytes);
		const eventTypes = eventTypesOf(options.events, options.showsOpen);
		using opened = new DisposableStack();
		const ends = opened.use(new OtherEnds(options.dns));
		const kernel = { ...options, ...NO_FLOWS, eventTypes };
		const session = opened.use(Session.open(kernel, adoptedConnections));
		const ring = opened.use(new RingBuffer(session.kernel.events));
		opened.use(followClocks());
		const tracer = new EventTracer({ session, ring, ends }, options);
		tracer.#owned = opened.move();
		return tracer;
	}

	/** Of the `dns` option: null without it. */
	get names(): NameTracer | null {
		return this.#ends.names.tracer;
	}

	/**
	 * Events in time order, whenever there are some, and gaps. When `signal` aborts the hooks come
	 * out, and what is in the buffer comes last. After close() nothing comes any more; a loop that is
	 * left early leaves the tracer as it is, and another one goes on where it was.
	 */
	async *batches(signal?: AbortSignal): AsyncGenerator<EventBatch, void, undefined> {
		for await (const { events, gaps } of this.slices(signal)) yield { events, gaps };
	}

	/**
	 * As batches(), but each one is there only until the next one is asked for.
	 *
	 * @internal
	 */
	async *slices(signal?: AbortSignal): AsyncGenerator<EventSlice, void, undefined> {
		const end = this.#session.endOf(signal);
		while (!end.aborted) {
			this.#release();
			const isHurried = this.#ring.waiting() >= this.#ring.bytes * HURRY;
			// Not without a pause: signals and timers would have to wait for the buffer, too.
			await pause(isHurried ? 0 : PAUSE_MS, end);
			if (this.#session.isClosed) return;
			this.#checkEnds();
			yield* this.#read();
		}
		if (this.#session.isClosed) return;
		this.#session.end();
		for (this.#release(); !this.#session.isClosed && this.#ring.waiting() > 0; this.#release())
			yield* this.#read();
		if (!this.#session.isClosed) yield* this.#read();
	}

	/**
	 * As batches(), but at once: what has happened since the last call, or batch, or the start.
	 *
	 * @throws Error after close()
	 */
	dumpEvents(): EventBatch {
		this.#session.requireOpen();
		const [events, gaps]: [EventRecord[], GapRecord[]] = [[], []];
		this.#checkEnds();
		try {
			for (let isAll = false; !isAll; ) {
				isAll = true;
				// A slice is there only until the next one is asked for.
				for (const slice of this.#read()) {
					for (const record of slice.events) events.push(record);
					gaps.push(...slice.gaps);
					isAll = false;
				}
			}
		} catch (error) {
			// It comes again with the next call, if it does.
			if (events.length + gaps.length === 0) throw error;
		}
		this.#release();
		return { events, gaps };
	}

	/**
	 * The connections that are open now, with what they have moved: needs `showsOpen`. What ends
	 * meanwhile may be among them or not, and has its `close` in the next batch.
	 *
	 * @param unfiltered those that the filter passes over as well
	 * @throws Error after close()
	 */
	connections(unfiltered = false): ConnectionFields[] {
		this.#session.requireOpen();
		const { kernel } = this.#session;
		const open = this.#shown.look((take) => kernel.walks.show(take));
		return unfiltered ? open : this.#filtered(open);
	}

	/**
	 * How its BPF programs and tables fare: runs, misses, entries, losses. Costs a system call for each
	 * program and map, and never a walk through a table. Entries are counted by a program that the
	 * first call loads: who gives up rights calls it once before.
	 *
	 * @throws Error after close()
	 */
	probeStats(): ProbeStats {
		return this.#session.probeStats(this.#ring);
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
		return this.#ends.names.withLosses(this.#session.summary());
	}

	/** Detaches and frees everything. Idempotent. */
	close(): void {
		this.#owned.dispose();
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

	#checkEnds(): void {
		const begin = performance.now();
		if (begin - this.#endingsToldAt >= TELL_ENDINGS_MS) {
			this.#endingsToldAt = begin;
			this.#session.kernel.walks.tellEndings();
		}
		if (begin < this.#nextCheckAt) return;
		this.#session.kernel.walks.fold(OF_ALL);
		const end = performance.now();
		const pause = Math.max((end - begin) * CHECK_PAUSE_FACTOR, CHECK_MS.least);
		this.#nextCheckAt = end + Math.min(pause, CHECK_MS.most);
	}

	/** One slice, or none where there is nothing to tell. */
	*#read(): Generator<EventSlice, void, undefined> {
		this.#release();
		this.names?.check();
		const { count, end } = this.#settled();
		// Where that fails nothing is taken yet: the next look begins with the same.
		const slice = this.#slice(count);
		const gaps = [...this.#session.gaps(nowIso(), 0), ...this.#ends.names.takeGaps()];
		this.#toldUntil = end;
		if (count > 0 || gaps.length > 0) yield slice(gaps);
	}

	/** What was told is not told again, also where its reader has not come back. */
	#release(): void {
		if (!this.#session.isClosed) this.#ring.release(this.#toldUntil);
	}

	/** How many events are in the window's order, and what is done with when they are. */
	#settled(): { readonly count: number; readonly end: number } {
		const begin = clocks().last;
		const window = this.#window;
		window.clear();
		const start = this.#ring.consumedAt;
		const isEmpty = this.#ring.look(this.#take, MOST_IN_BATCH);
		// What is not in the buffer yet will have a time after this call began.
		let settled = window.settle(isEmpty ? begin : window.newest - HOLD_BACK_NS);
		if (!isEmpty && settled.count === 0) settled = window.settle(window.newest);
		const { count, end } = settled;
		// Behind the last event there may be images.
		if (count === window.count) return { count, end: this.#ring.lookedUntil };
		return { count, end: end ?? start };
	}

	/** Whose an event is can be known better after a look, so the filter comes last. */
	#slice(count: number): (gaps: readonly GapRecord[]) => EventSlice {
		const { view } = this.#ring;
		const { offsets } = this.#window;
		const refined = this.#acceptors.refine(new EventFieldsInPlace(view, offsets, count));
		const nat = this.#ends.natOf(view, offsets, count);
		const remoteNames = this.#ends.namesOf(view, offsets, count);
		const records = (): EventRecord[] => {
			const events: EventRecord[] = [];
			for (let at = 0; at < count; at++) events.push(this.#decoder.decode(offsets[at] ?? 0));
			applyRefinements(events, refined);
			applyEnds(events, nat, remoteNames);
			return this.#filtered(events);
		};
		const raw = { view, offsets, count, refined, remoteNames, names: this.#names };
		const isRaw = this.#filter === null && nat.size === 0;
		return (gaps) => new LazySlice(records, gaps, isRaw ? raw : null);
	}

	#filtered<T extends ConnectionFields>(all: T[]): T[] {
		const filter = this.#filter;
		return filter === null || filter.isOpen === true
			? all
			: all.filter((record) => filter.matches(subjectOfConnection(record, "connection")));
	}
}

/** Where events are asked for, all connections add up in the first slot of flows. */
function adoptedConnections({ flowMemory }: KernelSide): number {
	return flow.read(flowMemory.view, 0, flow.zero()).adopted;
}
