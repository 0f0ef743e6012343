/** Connections as several clients see them: each is told what has changed since it asked last. */

import { peakMemoryBytes } from "../enrich/procfs.ts";
import {
	type ChangedConnection,
	type ClientAnswer,
	ClientChanges,
	type ClientOptions,
} from "../flow/client-changes.ts";
import type {
	ConnectionFields,
	EventRecord,
	GapRecord,
	ReadyRecord,
	SummaryRecord,
} from "../flow/records.ts";
import { EventTracer, type EventTracerOptions } from "./event-tracer.ts";
import { NOTHING_LOST } from "./losses.ts";

/** What a tracer for clients can be told. */
export type ClientTracerOptions = Omit<EventTracerOptions, "events" | "showsOpen"> & ClientOptions;

/** A connection; `error` and `close_reason` are null as long as it is open. */
export type ClientConnection = ConnectionFields & Pick<EventRecord, "error" | "close_reason">;

/** What a client is told. */
export interface ClientConnections extends ClientAnswer<ClientConnection> {
	/** What nobody could be told, since its last question. */
	readonly gaps: readonly GapRecord[];
}

/** How a tracer for clients fares. */
export interface ServiceStats extends Pick<ReadyRecord, "version" | "kernel" | "hooks"> {
	readonly uptime_ms: number;
	/** That are known now. */
	readonly clients: number;
	/** Totals of a connection that were smaller than before, and counted from 0. */
	readonly resets: number;
	/** Since the start. */
	readonly lost: SummaryRecord["lost"];
	readonly cpu_ms: number;
	readonly peak_memory_bytes: number;
}

/** All of what connections move, once. */
export type Collector = (changed: readonly ChangedConnection<ClientConnection>[]) => void;

const COLLECTOR = "collector";
/** So many ends are collected without being asked for. */
const MOST_UNCOLLECTED = 5000;

/** Between two looks at what has ended: the kernel's buffer has room for what comes in between. */
const PAUSE_MS = 50;
/** Gaps of one client that wait for it: of more, the newest. */
const MOST_GAPS = 1000;

/** Its hooks are in the kernel from open() to close(). */
export class ClientTracer implements Disposable, AsyncDisposable {
	readonly ready: ReadyRecord;
	readonly #tracer: EventTracer;
	readonly #changes: ClientChanges<ClientConnection>;
	/** For whom everything is collected, from when that was asked for on. */
	#collected: ClientChanges<ClientConnection> | null = null;
	#collector: Collector = () => {};
	readonly #gaps = new Map<string, GapRecord[]>();
	readonly #timer: NodeJS.Timeout;
	readonly #lost = { ...NOTHING_LOST };
	readonly #startedAt = performance.now();
	readonly #cpuAtStart = process.cpuUsage();

	private constructor(tracer: EventTracer, options: Partial<ClientTracerOptions>) {
		this.#tracer = tracer;
		this.ready = tracer.ready;
		this.#changes = new ClientChanges(options);
		this.#timer = setInterval(() => {
			this.#read();
			this.#collectEnded();
		}, PAUSE_MS);
	}

	/**
	 * @throws LibbpfMissingError, PermissionError, UnsupportedError, LibbpfError; RangeError for an
	 * option
	 */
	static open(options: Partial<ClientTracerOptions> = {}): ClientTracer {
		const tracer = EventTracer.open({ ...options, events: ["close"], showsOpen: true });
		return new ClientTracer(tracer, options);
	}

	/**
	 * What has changed since the client's last call; in the answer to its first one, all that is open.
	 *
	 * @returns null where no more clients find room
	 * @throws Error after close()
	 */
	connections(clientId: string): ClientConnections | null {
		const open = this.#look();
		const answer = this.#changes.ask(clientId, open, performance.now());
		if (answer === null) return null;
		const gaps = answer.is_new ? [] : (this.#gaps.get(clientId) ?? []);
		this.#gaps.set(clientId, []);
		return { ...answer, gaps };
	}

	/**
	 * From now on `collector` is given what connections move, some of it at once, the rest when collect()
	 * is called. What is open moved nothing before.
	 */
	collectFor(collector: Collector): void {
		const endless = { mostClients: 1, expiryMs: Number.POSITIVE_INFINITY };
		this.#collected = new ClientChanges({ ...endless, mostClosed: 2 ** 24, mostOpen: 2 ** 24 });
		this.#collector = collector;
		this.collect();
	}

	/** @throws Error after close() */
	collect(): void {
		const open = this.#look();
		const answer = this.#collected?.ask(COLLECTOR, open, performance.now());
		if (answer !== undefined && answer !== null) this.#collector(answer.connections);
	}

	/** Nothing is kept for it any more. */
	forget(clientId: string): void {
		this.#changes.forget(clientId);
		this.#gaps.delete(clientId);
	}

	/** From now on; those who are there already stay. */
	setMostClients(most: number): void {
		this.#changes.mostClients = most;
	}

	/** How it fares itself. */
	stats(): ServiceStats {
		const { version, kernel, hooks } = this.ready;
		const { user, system } = process.cpuUsage(this.#cpuAtStart);
		return {
			...{ version, kernel, hooks },
			uptime_ms: Math.round(performance.now() - this.#startedAt),
			clients: this.#changes.size,
			resets: this.#changes.resets,
			lost: { ...this.#lost },
			cpu_ms: (user + system) / 1000,
			peak_memory_bytes: peakMemoryBytes(),
		};
	}

	/** Of the whole run: the hooks come out, and no more is told. */
	summary(): SummaryRecord {
		clearInterval(this.#timer);
		return this.#tracer.summary();
	}

	/** Idempotent. */
	close(): void {
		clearInterval(this.#timer);
		this.#tracer.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	[Symbol.asyncDispose](): Promise<void> {
		this.close();
		return Promise.resolve();
	}

	/** What is open, and then what has ended before the look, or in it. */
	#look(): ClientConnection[] {
		this.#read();
		const none = { error: null, close_reason: null };
		const open = this.#tracer.connections().map((connection) => ({ ...connection, ...none }));
		this.#read();
		return open;
	}

	#read(): void {
		const { events, gaps } = this.#tracer.dumpEvents();
		for (const { type, time, cpu, event, ...connection } of events) {
			this.#changes.close(connection);
			this.#collected?.close(connection);
		}
		if (gaps.length > 0) this.#keep(gaps);
		this.#changes.expire(performance.now());
	}

	/** Not between a look and what it is held against. */
	#collectEnded(): void {
		if (this.#collected === null || this.#collected.waiting(COLLECTOR) < MOST_UNCOLLECTED) return;
		this.#collector(this.#collected.takeEnded(COLLECTOR));
	}

	#keep(gaps: readonly GapRecord[]): void {
		for (const { stage, count } of gaps) this.#lost[stage] += count;
		for (const [client, waiting] of this.#gaps) {
			if (!this.#changes.has(client)) {
				this.#gaps.delete(client);
				continue;
			}
			waiting.push(...gaps);
			waiting.splice(0, waiting.length - MOST_GAPS);
		}
	}
}
