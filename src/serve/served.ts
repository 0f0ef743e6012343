/** A tracer as the API has it: its clients, readers of its events, and metrics of everything. */

import { UsageError } from "../errors.ts";
import type { ClientState } from "../flow/client-answers.ts";
import type { DnsStatisticsAnswer } from "../flow/dns-statistics.ts";
import type { DoctorRecord } from "../flow/doctor.ts";
import type { Aggregate } from "../flow/records.ts";
import type { ClientConnection, ClientConnections, ClientFlows } from "../trace/client-records.ts";
import type { ClientTracer } from "../trace/client-tracer.ts";
import type { NameTracer } from "../trace/name-tracer.ts";
import { dnsMetrics } from "./dns-metrics.ts";
import { EventFeed, type EventTest } from "./event-feed.ts";
import { Metrics } from "./metrics.ts";
import type { Asker } from "./query.ts";
import type { Served, ServedStats, Telling } from "./routes.ts";

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

	connections({ clientId, cursor }: Asker, isAll: boolean): Telling<ClientConnections> | null {
		const answer = this.#tracer.connections(clientId, isAll, cursor);
		return tellingOf(answer, (isWhole, of) => this.#tracer.delivered(clientId, of, isWhole));
	}

	forget(clientId: string): void {
		this.#tracer.forget(clientId);
	}

	flows({ clientId, cursor }: Asker, aggregate: Aggregate): Telling<ClientFlows> | null {
		const answer = this.#tracer.flows(clientId, aggregate, cursor);
		return tellingOf(answer, (isWhole, of) => this.#tracer.deliveredFlows(clientId, of, isWhole));
	}

	forgetFlows(clientId: string): void {
		this.#tracer.forgetFlows(clientId);
	}

	events(query: URLSearchParams, lastId: string | null): ReadableStream<Uint8Array> | null {
		return this.#feed.open(this.#options.eventTest(query), lastId);
	}

	dns({ clientId, cursor }: Asker): Telling<DnsStatisticsAnswer> | null {
		const { statistics } = this.#names();
		const answer = statistics.ask(clientId, performance.now(), cursor);
		return tellingOf(answer, (isWhole, of) => statistics.delivered(clientId, of, isWhole));
	}

	forgetDns(clientId: string): void {
		this.#names().statistics.forget(clientId);
	}

	stats(): ServedStats {
		const stats = { ...this.#tracer.stats(), readers: this.#feed.readers };
		return { ...stats, probes: this.#tracer.probeStats() };
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
		const dns = this.#tracer.names?.statistics.totals();
		const contentType = this.#metrics.contentType;
		return { text: dns === undefined ? text : `${text}${dnsMetrics(dns)}`, contentType };
	}

	/** @throws UsageError */
	#names(): NameTracer {
		const { names } = this.#tracer;
		if (names !== null) return names;
		throw new UsageError("this service does not hear DNS", "start it with --dns");
	}
}

function tellingOf<A extends { readonly cursor: string }>(
	answer: A | null,
	deliver: (isWhole: boolean, cursor: string) => void,
): Telling<A> | null {
	if (answer === null) return null;
	return { answer, delivered: (isWhole) => deliver(isWhole, answer.cursor) };
}
