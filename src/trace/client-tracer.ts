/** Connections as several clients see them: each is told what has changed since it asked last. */

import { peakMemoryBytes } from "../enrich/procfs.ts";
import type { ChangedConnection, ClientOptions, ClientState } from "../flow/client-answers.ts";
import { ClientChanges } from "../flow/client-changes.ts";
import { flowsOfChanges } from "../flow/flows-of-changes.ts";
import type {
	Aggregate,
	EventBatch,
	EventName,
	GapRecord,
	ReadyRecord,
	SummaryRecord,
	Transport,
} from "../flow/records.ts";
import { ClientGaps } from "./client-gaps.ts";
import type {
	ClientConnection,
	ClientConnections,
	ClientFlows,
	ServiceStats,
} from "./client-records.ts";
import { EventTracer, type EventTracerOptions } from "./event-tracer.ts";
import { nowIso } from "./session.ts";
import { UdpLook } from "./udp-look.ts";

/** What a tracer for clients can be told. */
export interface ClientTracerOptions extends Omit<EventTracerOptions, "showsOpen">, ClientOptions {
	/** Null: UDP as well, where this kernel has what it takes. Default null. */
	readonly transport: Exclude<Transport, "udp"> | null;
}

/** All of what connections move, once. */
export type Collector = (changed: readonly ChangedConnection<ClientConnection>[]) => void;

const COLLECTOR = "collector";
/** So many ends are collected without being asked for. */
const MOST_UNCOLLECTED = 5000;

/** Between two looks at what has ended: the kernel's buffer has room for what comes in between. */
const PAUSE_MS = 50;
/** Between two looks at UDP, whose ends nobody waits for. */
const UDP_MS = 1000;

const OPEN = { error: null, close_reason: null } as const;
/** Without these there is no telling what is over. */
const NEEDED: readonly EventName[] = ["close", "connect_failed"];

/** Its hooks are in the kernel from open() to close(). */
export class ClientTracer implements Disposable, AsyncDisposable {
	readonly ready: ReadyRecord;
	readonly #tracer: EventTracer;
	readonly #udp: UdpLook;
	#udpLookedAt = performance.now();
	readonly #changes: ClientChanges<ClientConnection>;
	/** For whom everything is collected, from when that was asked for on. */
	#collected: ClientChanges<ClientConnection> | null = null;
	#collector: Collector = () => {};
	#listener: (batch: EventBatch) => void = () => {};
	readonly #wanted: ReadonlySet<EventName>;
	readonly #gaps = new ClientGaps();
	readonly #timer: NodeJS.Timeout;
	readonly #startedAt = performance.now();
	readonly #cpuAtStart = process.cpuUsage();

	private constructor(tracer: EventTracer, udp: UdpLook, options: Partial<ClientTracerOptions>) {
		this.#tracer = tracer;
		this.#udp = udp;
		const { hooks, programs } = tracer.ready;
		this.ready = {
			...tracer.ready,
			...{ hooks: { ...hooks, ...udp.hooks }, programs: [...programs, ...udp.programs] },
		};
		this.#wanted = new Set(options.events ?? []);
		this.#changes = new ClientChanges(options);
		this.#timer = setInterval(() => {
			this.#read();
			if (performance.now() - this.#udpLookedAt >= UDP_MS) this.#readUdp();
			this.#collectEnded();
		}, PAUSE_MS);
	}

	/**
	 * @throws LibbpfMissingError, PermissionError, UnsupportedError, LibbpfError; RangeError for an
	 * option
	 */
	static open(options: Partial<ClientTracerOptions> = {}): ClientTracer {
		const events = [...new Set([...NEEDED, ...(options.events ?? [])])];
		const { bufferBytes: _, events: __, transport, ...common } = options;
		const udp = transport === "tcp" ? UdpLook.none() : UdpLook.open(common);
		try {
			const tracer = EventTracer.open({ ...options, events, showsOpen: true });
			return new ClientTracer(tracer, udp, options);
		} catch (error) {
			udp[Symbol.dispose]();
			throw error;
		}
	}

	/**
	 * What has changed since the client's last call; in the answer to its first one, all that is open.
	 *
	 * @returns null where no more clients find room
	 * @throws Error after close()
	 */
	connections(clientId: string): ClientConnections | null {
		return this.#ask(clientId);
	}

	/**
	 * The same, added up by flows. What a client is told here has nothing to do with connections().
	 *
	 * @returns null where no more clients find room
	 * @throws Error after close()
	 */
	flows(clientId: string, aggregate: Aggregate): ClientFlows | null {
		const answer = this.#ask(flowClient(clientId));
		if (answer === null) return null;
		const { connections, ...rest } = answer;
		const interval = answer.interval_ms ?? Math.round(performance.now() - this.#startedAt);
		return { ...rest, flows: flowsOfChanges(connections, aggregate, nowIso(), interval) };
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

	/** From now on `listener` is given each event of `events`, and what was lost. */
	listen(listener: (batch: EventBatch) => void): void {
		this.#listener = listener;
	}

	/** Nothing is kept any more for this client of connections(). */
	forget(clientId: string): void {
		this.#changes.forget(clientId);
		this.#gaps.forget(clientId);
	}

	/** And of flows(). */
	forgetFlows(clientId: string): void {
		this.forget(flowClient(clientId));
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
			...{ clients: this.#changes.size, readers: 0 },
			resets: this.#changes.resets,
			lost: { ...this.#gaps.totals },
			cpu_ms: (user + system) / 1000,
			peak_memory_bytes: peakMemoryBytes(),
		};
	}

	/** What is kept for each client. */
	debugState(): ClientState[] {
		return this.#changes.states(performance.now());
	}

	/** All that is open, whatever the filter says. */
	debugMaps(): ClientConnection[] {
		return [...this.#tracer.connections(true), ...this.#udp.open].map(withoutEnd);
	}

	/** Of the whole run: the hooks come out, and no more is told. */
	summary(): SummaryRecord {
		clearInterval(this.#timer);
		return this.#udp.withSummary(this.#tracer.summary());
	}

	/** Idempotent. */
	close(): void {
		clearInterval(this.#timer);
		this.#tracer.close();
		this.#udp[Symbol.dispose]();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	[Symbol.asyncDispose](): Promise<void> {
		this.close();
		return Promise.resolve();
	}

	#ask(clientId: string): ClientConnections | null {
		const answer = this.#changes.ask(clientId, this.#look(), performance.now());
		if (answer === null) return null;
		const gaps = this.#gaps.take(clientId);
		return { ...answer, gaps: answer.is_new ? [] : gaps };
	}

	/** What is open, and then what has ended before the look, or in it. */
	#look(): ClientConnection[] {
		this.#read();
		const open: ClientConnection[] = this.#tracer.connections().map(withoutEnd);
		this.#read();
		this.#readUdp();
		for (const connection of this.#udp.open) open.push(withoutEnd(connection));
		return open;
	}

	#read(): void {
		const { events, gaps } = this.#tracer.dumpEvents();
		for (const { type, time, cpu, event, ...connection } of events)
			if (event === "close") this.#over(connection);
			else if (event === "connect_failed") this.#failed(connection);
		this.#keep(gaps);
		if (events.length + gaps.length > 0) {
			const wanted = events.filter(({ event }) => this.#wanted.has(event));
			this.#listener({ events: wanted, gaps });
		}
		this.#changes.expire(performance.now());
	}

	#readUdp(): void {
		const { ended, gaps } = this.#udp.look();
		this.#udpLookedAt = performance.now();
		for (const connection of ended) this.#over(withoutEnd(connection));
		this.#keep(gaps);
		if (gaps.length > 0) this.#listener({ events: [], gaps });
	}

	#over(connection: ClientConnection): void {
		this.#changes.close(connection);
		this.#collected?.close(connection);
	}

	#failed(attempt: ClientConnection): void {
		this.#changes.fail(attempt);
		this.#collected?.fail(attempt);
	}

	/** Not between a look and what it is held against. */
	#collectEnded(): void {
		if (this.#collected === null || this.#collected.waiting(COLLECTOR) < MOST_UNCOLLECTED) return;
		this.#collector(this.#collected.takeEnded(COLLECTOR));
	}

	#keep(gaps: readonly GapRecord[]): void {
		if (gaps.length > 0) this.#gaps.keep(gaps, (client) => this.#changes.has(client));
	}
}

/** No client can call itself that: what it is told of connections is not what it is told of flows. */
const flowClient = (clientId: string): string => `flows/${clientId}`;

function withoutEnd<C extends Omit<ClientConnection, keyof typeof OPEN>>(connection: C) {
	return { ...connection, ...OPEN };
}
