/** Connections as several clients see them: each is told what has changed since it asked last. */

import { peakMemoryBytes } from "../enrich/procfs.ts";
import type { ChangedConnection, ClientOptions, ClientState } from "../flow/client-answers.ts";
import { ClientChanges } from "../flow/client-changes.ts";
import { flowsOfChanges } from "../flow/flows-of-changes.ts";
import type {
	Aggregate,
	ConnectionFields,
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
	ServiceProbes,
	ServiceStats,
} from "./client-records.ts";
import { boottimeMs, nowIso } from "./clock.ts";
import type { EventTracerOptions } from "./event-options.ts";
import { EventTracer } from "./event-tracer.ts";
import { NameTracer, type NameTracerOptions } from "./name-tracer.ts";
import { UdpLook } from "./udp-look.ts";

/** What a tracer for clients can be told. */
export interface ClientTracerOptions
	extends Omit<EventTracerOptions, "showsOpen" | "dns">,
		ClientOptions {
	/** Names of remote addresses are learned from DNS meanwhile, and how servers answer. Default null: they are not. */
	readonly dns?: Partial<NameTracerOptions> | null;
	/** Null: UDP as well, where this kernel has what it takes. Default null. */
	readonly transport: Exclude<Transport, "udp"> | null;
}

interface Tracers {
	readonly tracer: EventTracer;
	readonly udp: UdpLook;
	readonly names: NameTracer | null;
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
	/** Of the `dns` option: null without it. */
	readonly names: NameTracer | null;
	readonly #tracer: EventTracer;
	readonly #udp: UdpLook;
	#udpLookedAt = performance.now();
	readonly #open = new WeakMap<ConnectionFields, ClientConnection>();
	readonly #changes: ClientChanges<ClientConnection>;
	/** For whom everything is collected, from when that was asked for on. */
	#collected: ClientChanges<ClientConnection> | null = null;
	#collector: Collector = () => {};
	#listener: (batch: EventBatch) => void = () => {};
	readonly #wanted: ReadonlySet<EventName>;
	readonly #gaps = new ClientGaps();
	readonly #timer: NodeJS.Timeout;
	readonly #startedAt = boottimeMs();
	readonly #cpuAtStart = process.cpuUsage();

	private constructor(
		{ tracer, udp, names }: Tracers,
		options: Partial<Omit<ClientTracerOptions, "dns">>,
	) {
		this.#tracer = tracer;
		this.#udp = udp;
		this.names = names;
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
		const { bufferBytes: _, events: __, transport, dns = null, ...common } = options;
		using opened = new DisposableStack();
		// First, so that it is at once told what is missing.
		const names = dns === null ? null : opened.use(NameTracer.open(dns));
		const shared = { ...common, dns: names };
		const udp = opened.use(transport === "tcp" ? UdpLook.none() : UdpLook.open(shared));
		const tracer = opened.use(
			EventTracer.open({ ...options, dns: names, events, showsOpen: true }),
		);
		const clients = new ClientTracer({ tracer, udp, names }, options);
		opened.move();
		return clients;
	}

	/**
	 * What has changed since the client's last call; in the answer to its first one, all that is open.
	 *
	 * @param isAll also those that are open, and have moved nothing since
	 * @returns null where no more clients find room
	 * @throws Error after close()
	 */
	connections(clientId: string, isAll = true): ClientConnections | null {
		return this.#ask(clientId, isAll);
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
		const interval = answer.interval_ms ?? Math.round(boottimeMs() - this.#startedAt);
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
		const answer = this.#collected?.ask(COLLECTOR, open, boottimeMs());
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
			uptime_ms: Math.round(boottimeMs() - this.#startedAt),
			...{ clients: this.#changes.size, readers: 0 },
			resets: this.#changes.resets,
			lost: { ...this.#gaps.totals },
			cpu_ms: (user + system) / 1000,
			peak_memory_bytes: peakMemoryBytes(),
		};
	}

	/** What the programs did and cost, and how full the tables are: those of TCP, those of UDP. */
	probeStats(): ServiceProbes {
		return { tcp: this.#tracer.probeStats(), udp: this.#udp.probeStats() };
	}

	/** What is kept for each client. */
	debugState(): ClientState[] {
		return this.#changes.states(boottimeMs());
	}

	/** All that is open, whatever the filter says. */
	debugMaps(): ClientConnection[] {
		return [...this.#tracer.connections(true), ...this.#udp.open].map(withoutEnd);
	}

	/** Of the whole run: the hooks come out, and no more is told. */
	summary(): SummaryRecord {
		clearInterval(this.#timer);
		const summary = this.#udp.withSummary(this.#tracer.summary());
		return { ...summary, lost: { ...summary.lost, ...this.names?.lost } };
	}

	/** Idempotent. */
	close(): void {
		clearInterval(this.#timer);
		this.#tracer.close();
		this.#udp[Symbol.dispose]();
		this.names?.close();
	}

	[Symbol.dispose](): void {
		this.close();
	}

	[Symbol.asyncDispose](): Promise<void> {
		this.close();
		return Promise.resolve();
	}

	#ask(clientId: string, isAll = true): ClientConnections | null {
		const answer = this.#changes.ask(clientId, this.#look(), boottimeMs(), isAll);
		if (answer === null) return null;
		const gaps = this.#gaps.take(clientId);
		return { ...answer, gaps: answer.is_new ? [] : gaps };
	}

	/** What is open, and then what has ended before the look, or in it. */
	#look(): ClientConnection[] {
		this.#read();
		const open = this.#tracer.connections().map((connection) => this.#openOf(connection));
		this.#read();
		this.#readUdp();
		for (const connection of this.#udp.open) open.push(withoutEnd(connection));
		return open;
	}

	/** What has not changed is the same object as it was. */
	#openOf(connection: ConnectionFields): ClientConnection {
		return this.#open.getOrInsertComputed(connection, withoutEnd);
	}

	#read(): void {
		const { events, gaps: lost } = this.#tracer.dumpEvents();
		const gaps = [...lost, ...(this.names?.takeGaps() ?? [])];
		for (const { type, time, cpu, event, ...connection } of events)
			if (event === "close") this.#over(connection);
			else if (event === "connect_failed") this.#failed(connection);
		this.#keep(gaps);
		if (events.length + gaps.length > 0) {
			const wanted = events.filter(({ event }) => this.#wanted.has(event));
			this.#listener({ events: wanted, gaps });
		}
		this.#changes.expire(boottimeMs());
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
