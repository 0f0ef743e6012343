/** A tracer as the API has it: its clients, readers of its events, and metrics of everything. */

import type { ClientState } from "../flow/client-answers.ts";
import type { DoctorRecord } from "../flow/doctor.ts";
import type { Aggregate } from "../flow/records.ts";
import type {
	ClientConnection,
	ClientConnections,
	ClientFlows,
	ServiceStats,
} from "../trace/client-records.ts";
import type { ClientTracer } from "../trace/client-tracer.ts";
import { EventFeed, type EventTest } from "./event-feed.ts";
import { Metrics } from "./metrics.ts";
import type { Served } from "./routes.ts";

export interface ServedOptions {
	/**
	 * What the parameters of a query ask for.
	 *
	 * @throws UsageError
	 */
	readonly eventTest: (query: URLSearchParams) => EventTest;
	/** What this machine can trace, as it was found at the start. */
	readonly doctor: DoctorRecord;
}

export class ServedTracer implements Served {
	readonly #tracer: ClientTracer;
	readonly #options: ServedOptions;
	readonly #metrics = new Metrics();
	readonly #feed: EventFeed;

	constructor(tracer: ClientTracer, options: ServedOptions) {
		this.#tracer = tracer;
		this.#options = options;
		this.#feed = new EventFeed(tracer.ready);
		tracer.collectFor((changed) => this.#metrics.take(changed));
		tracer.listen((batch) => this.#feed.take(batch));
	}

	connections(clientId: string): ClientConnections | null {
		return this.#tracer.connections(clientId);
	}

	forget(clientId: string): void {
		this.#tracer.forget(clientId);
	}

	flows(clientId: string, aggregate: Aggregate): ClientFlows | null {
		return this.#tracer.flows(clientId, aggregate);
	}

	forgetFlows(clientId: string): void {
		this.#tracer.forgetFlows(clientId);
	}

	events(query: URLSearchParams, lastId: string | null): ReadableStream<Uint8Array> | null {
		return this.#feed.open(this.#options.eventTest(query), lastId);
	}

	stats(): ServiceStats {
		return { ...this.#tracer.stats(), readers: this.#feed.readers };
	}

	doctor(): DoctorRecord {
		return this.#options.doctor;
	}

	debugMaps(): readonly ClientConnection[] {
		return this.#tracer.debugMaps();
	}

	debugState(): readonly ClientState[] {
		return this.#tracer.debugState();
	}

	async metrics(): Promise<{ readonly text: string; readonly contentType: string }> {
		this.#metrics.forgetOpen();
		this.#tracer.collect();
		const text = await this.#metrics.text(this.stats());
		return { text, contentType: this.#metrics.contentType };
	}
}
