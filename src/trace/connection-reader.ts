/** What a tracer of events and one of UDP say of connections: what has ended, and what is open. */

import type { ConnectionFields, EventBatch } from "../flow/records.ts";
import type { ClientConnection } from "./client-records.ts";
import type { EventTracer } from "./event-tracer.ts";
import type { NameTracer } from "./name-tracer.ts";
import type { UdpLook } from "./udp-look.ts";

export interface Tracers {
	readonly tracer: EventTracer;
	readonly udp: UdpLook;
	readonly names: NameTracer | null;
}

/** Who is told. */
export interface Listeners {
	over(connection: ClientConnection): void;
	/** An attempt. */
	failed(connection: ClientConnection): void;
	heard(batch: EventBatch): void;
}

/** Between two looks at UDP, whose ends nobody waits for. */
const UDP_MS = 1000;
/** For so long the questions of several clients share a look: each one walks a table of the kernel. */
const SHARED_MS = 100;
const OPEN = { error: null, close_reason: null } as const;

export class ConnectionReader {
	readonly #tracers: Tracers;
	readonly #listeners: Listeners;
	readonly #made = new WeakMap<ConnectionFields, ClientConnection>();
	#udpLookedAt = performance.now();
	#open: readonly ClientConnection[] = [];
	#lookedAt = Number.NEGATIVE_INFINITY;
	readonly #shownTo = new Set<string>();
	/** By id: what is over since, and must not be told as open after its end. */
	readonly #over = new Set<string>();

	constructor(tracers: Tracers, listeners: Listeners) {
		this.#tracers = tracers;
		this.#listeners = listeners;
	}

	/** What has happened since. */
	read(): void {
		this.#readEvents();
		if (performance.now() - this.#udpLookedAt >= UDP_MS) this.#readUdp();
	}

	/**
	 * What is open, and has not ended before the look, or in it.
	 *
	 * @param asker who can do with what another one was shown a moment ago; null: nobody
	 */
	look(asker: string | null): Iterable<ClientConnection> {
		this.#readEvents();
		// Whoever asks twice wants to know what has changed since.
		const isShared = asker !== null && this.#isFresh() && !this.#shownTo.has(asker);
		if (!isShared) {
			const { tracer } = this.#tracers;
			this.#open = tracer.connections().map((connection) => this.#openOf(connection));
			this.#lookedAt = performance.now();
			this.#over.clear();
			this.#readEvents();
			this.#readUdp();
			this.#shownTo.clear();
		}
		if (asker !== null) this.#shownTo.add(asker);
		return this.#allOpen();
	}

	/** All that is open, whatever the filter says. */
	unfiltered(): ClientConnection[] {
		const { tracer, udp } = this.#tracers;
		return [...tracer.connections(true), ...udp.open].map(withoutEnd);
	}

	*#allOpen(): Generator<ClientConnection, void, undefined> {
		for (const connection of this.#open) if (!this.#over.has(connection.id)) yield connection;
		for (const connection of this.#tracers.udp.open) yield withoutEnd(connection);
	}

	#isFresh(): boolean {
		return performance.now() - this.#lookedAt < SHARED_MS;
	}

	/** What has not changed is the same object as it was. */
	#openOf(connection: ConnectionFields): ClientConnection {
		return this.#made.getOrInsertComputed(connection, withoutEnd);
	}

	#readEvents(): void {
		const { tracer, names } = this.#tracers;
		const { events, gaps: lost } = tracer.dumpEvents();
		const gaps = [...lost, ...(names?.takeGaps() ?? [])];
		for (const { type, time, cpu, event, ...connection } of events) {
			if (event !== "close" && event !== "connect_failed") continue;
			if (this.#isFresh()) this.#over.add(connection.id);
			if (event === "close") this.#listeners.over(connection);
			else this.#listeners.failed(connection);
		}
		if (events.length + gaps.length > 0) this.#listeners.heard({ events, gaps });
	}

	#readUdp(): void {
		const { ended, gaps } = this.#tracers.udp.look();
		this.#udpLookedAt = performance.now();
		for (const connection of ended) this.#listeners.over(withoutEnd(connection));
		if (gaps.length > 0) this.#listeners.heard({ events: [], gaps });
	}
}

function withoutEnd<C extends Omit<ClientConnection, keyof typeof OPEN>>(connection: C) {
	return { ...connection, ...OPEN };
}
