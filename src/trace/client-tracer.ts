/** Connections as several clients see them: each is told what has changed since it asked last. */

import { peakMemoryBytes } from "../enrich/procfs.ts";
import type { ChangedConnection, ClientOptions, ClientState } from "../flow/client-answers.ts";
import { ClientChanges } from "../flow/client-changes.ts";
import { flowsOfChanges } from "../flow/flows-of-changes.ts";
import type {
	Aggregate,
	EventBatch,
	EventName,
	ReadyRecord,
	SummaryRecord,
	Transport,
} from "../flow/records.ts";
import type {
	ClientConnection,
	ClientConnections,
	ClientFlows,
	ServiceProbes,
	ServiceStats,
} from "./client-records.ts";
import { boottimeMs, nowIso } from "./clock.ts";
import { ConnectionReader, type Tracers } from "./connection-reader.ts";
import type { EventTracerOptions } from "./event-options.ts";
import { EventTracer } from "./event-tracer.ts";
import { NOTHING_LOST } from "./losses.ts";
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

/** All of what connections move, once. */
export type Collector = (changed: readonly ChangedConnection<ClientConnection>[]) => void;

const COLLECTOR = "collector";
/** So many ends are collected without being asked for. */
const MOST_UNCOLLECTED = 5000;

/** Between two looks at what has ended: the kernel's buffer has room for what comes in between. */
const PAUSE_MS = 50;
/** Without these there is no telling what is over. */
const NEEDED: readonly EventName[] = ["close", "connect_failed"];

/** Its hooks are in the kernel from open() to close(). */
export class ClientTracer implements Disposable, AsyncDisposable {
	readonly ready: ReadyRecord;
	/** Of the `dns` option: null without it. */
	readonly names: NameTracer | null;
	readonly #tracer: EventTracer;
	readonly #udp: UdpLook;
	readonly #reader: ConnectionReader;
	readonly #changes: ClientChanges<ClientConnection>;
	/** For whom everything is collected, from when that was asked for on. */
	#collected: ClientChanges<ClientConnection> | null = null;
	#collector: Collector = () => {};
	#listener: (batch: EventBatch) => void = () => {};
	readonly #wanted: ReadonlySet<EventName>;
	readonly #lost = { ...NOTHING_LOST };
	#report: (error: unknown) => void = (error) => {
		this.#failure ??= { error };
	};
	/** What went wrong while nobody could be told. */
	#failure: { readonly error: unknown } | null = null;
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
		this.#reader = new ConnectionReader(
			{ tracer, udp, names },
			{
				over: (connection) => this.#over(connection),
				failed: (attempt) => this.#failed(attempt),
				heard: (batch) => this.#heard(batch),
			},
		);
		this.#timer = setInterval(() => this.#tryRead(), PAUSE_MS);
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
	 * @param cursor where answers can get lost on their way: that of the last answer that the client has,
	 * null if it does not know. Then this answer is given again, with what came since, unless delivered()
	 * or the cursor of the next call say that it arrived; and what is open may be
	 * what another client was told in the last 100 ms. Without, it has arrived
	 * @returns null where no more clients find room
	 * @throws Error after close(); what went wrong while nobody asked
	 */
	connections(clientId: string, isAll = true, cursor?: string | null): ClientConnections | null {
		this.#check();
		const isSure = cursor === undefined;
		const open = this.#reader.look(isSure ? null : clientId);
		const answer = this.#changes.ask(clientId, open, performance.now(), {
			isAll,
			cursor: cursor ?? null,
		});
		if (isSure) this.#changes.told(clientId);
		return answer;
	}

	/**
	 * The same, added up by flows. What a client is told here has nothing to do with connections().
	 *
	 * @returns null where no more clients find room
	 * @throws Error after close(); what went wrong while nobody asked
	 */
	flows(clientId: string, aggregate: Aggregate, cursor?: string | null): ClientFlows | null {
		const answer = this.connections(flowClient(clientId), true, cursor);
		if (answer === null) return null;
		const { connections, ...rest } = answer;
		const interval = answer.interval_ms ?? Math.round(boottimeMs() - this.#startedAt);
		return { ...rest, flows: flowsOfChanges(connections, aggregate, nowIso(), interval) };
	}

	/** Whether an answer of connections() was handed over whole, as far as that is known. */
	delivered(clientId: string, cursor: string, isWhole: boolean): void {
		this.#changes.deliver(clientId, cursor, isWhole);
	}

	/** The same of flows(). */
	deliveredFlows(clientId: string, cursor: string, isWhole: boolean): void {
		this.delivered(flowClient(clientId), cursor, isWhole);
	}

	/**
	 * From now on `report` is told what goes wrong while nobody asks, each time; without, the next call
	 * of connections() or flows() throws it. It is tried again in any case.
	 */
	reportTo(report: (error: unknown) => void): void {
		this.#report = report;
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
		const open = this.#reader.look(COLLECTOR);
		const answer = this.#collected?.ask(COLLECTOR, open, performance.now());
		this.#collected?.told(COLLECTOR);
		if (answer !== undefined && answer !== null) this.#collector(answer.connections);
	}

	/** From now on `listener` is given each event of `events`, and what was lost. */
	listen(listener: (batch: EventBatch) => void): void {
		this.#listener = listener;
	}

	/** Nothing is kept any more for this client of connections(). */
	forget(clientId: string): void {
		this.#changes.forget(clientId);
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
			lost: { ...this.#lost },
			cpu_ms: (user + system) / 1000,
			peak_memory_bytes: peakMemoryBytes(),
		};
	}

	/** What the programs did and cost, and how full the tables are: those of TCP, those of UDP. */
	probeStats(): ServiceProbes {
		const { time: _, ...tcp } = this.#tracer.probeStats();
		const udp = this.#udp.probeStats();
		if (udp === null) return { tcp, udp };
		const { time: __, ...others } = udp;
		return { tcp, udp: others };
	}

	/** What is kept for each client. */
	debugState(): ClientState[] {
		return this.#changes.states(performance.now());
	}

	/** All that is open, whatever the filter says. */
	debugMaps(): ClientConnection[] {
		return this.#reader.unfiltered();
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

	#check(): void {
		if (this.#failure === null) return;
		const { error } = this.#failure;
		this.#failure = null;
		throw error;
	}

	/** What could not be read now is read by the next one. */
	#tryRead(): void {
		try {
			this.#reader.read();
			this.#changes.expire(performance.now());
			this.#collectEnded();
		} catch (error) {
			this.#report(error);
		}
	}

	#heard({ events, gaps }: EventBatch): void {
		for (const { stage, count } of gaps) this.#lost[stage] += count;
		this.#changes.lose(gaps);
		this.#listener({ events: events.filter(({ event }) => this.#wanted.has(event)), gaps });
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
}

/** No client can call itself that: what it is told of connections is not what it is told of flows. */
const flowClient = (clientId: string): string => `flows/${clientId}`;
