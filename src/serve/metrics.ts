/** What connections move, and how the tracer fares, for Prometheus. */

import { Counter, Gauge, Registry } from "prom-client";
import type { ServiceStats } from "../trace/client-records.ts";
import { type Changed, type LabelSet, type LabelSetOptions, LabelSets } from "./label-sets.ts";
import { ProbeMetrics } from "./probe-metrics.ts";
import type { ServedStats } from "./routes.ts";

const NAMES = ["process", "network_transport", "server_port", "role"] as const;
const DIRECTION = "network_io_direction";

type Make = (name: string, help: string, labelNames: readonly string[]) => Counter;

/** Counters of one kind of labels. */
class Counters {
	readonly #io: Counter;
	readonly #retransmitted: Counter;
	readonly #opened: Counter;
	readonly #failed: Counter;
	readonly #closed: Counter;

	/** @param prefix of their names, @param names of labels that all of them have */
	constructor(make: Make, prefix: string, names: readonly string[]) {
		const counter = (name: string, help: string, ...more: string[]): Counter =>
			make(`${prefix}${name}`, help, [...names, ...more]);
		this.#io = counter("io_bytes_total", "Payload that programs sent and received.", DIRECTION);
		this.#retransmitted = counter(
			"tcp_retransmitted_segments_total",
			"TCP segments that were sent again.",
		);
		this.#opened = counter("connections_opened_total", "Connections that began.");
		this.#failed = counter(
			"connections_failed_total",
			"Attempts to connect that failed.",
			"error_type",
		);
		this.#closed = counter(
			"connections_closed_total",
			"Connections that are over.",
			"close_reason",
		);
	}

	reset(): void {
		for (const one of [this.#io, this.#retransmitted, this.#opened, this.#failed, this.#closed])
			one.reset();
	}

	add(labels: Readonly<Record<string, string>>, set: Counted): void {
		this.#io.inc({ ...labels, [DIRECTION]: "transmit" }, set.transmitted);
		this.#io.inc({ ...labels, [DIRECTION]: "receive" }, set.received);
		if (set.retransmitted !== null) this.#retransmitted.inc(labels, set.retransmitted);
		if (set.opened > 0) this.#opened.inc(labels, set.opened);
		for (const [error_type, count] of set.failed)
			this.#failed.inc({ ...labels, error_type }, count);
		for (const [close_reason, count] of set.closed)
			this.#closed.inc({ ...labels, close_reason }, count);
	}
}

type Counted = Pick<
	LabelSet,
	"transmitted" | "received" | "retransmitted" | "opened" | "failed" | "closed"
>;

export class Metrics {
	readonly #registry = new Registry();
	readonly #sets: LabelSets;
	/** Whatever has a place. */
	readonly #all: Counted = {
		...{ transmitted: 0, received: 0, retransmitted: 0, opened: 0 },
		...{ failed: new Map(), closed: new Map() },
	};
	readonly #now: () => number;
	readonly #counters: Counters;
	readonly #totals: Counters;
	readonly #active: Gauge;
	readonly #health: Health;
	readonly #probes: ProbeMetrics;

	constructor(options: Partial<LabelSetOptions> = {}, now = () => performance.now()) {
		this.#sets = new LabelSets(options);
		this.#now = now;
		const registers = [this.#registry];
		const make: Make = (name, help, labelNames) =>
			new Counter({ name: `conntracer_${name}`, help, labelNames: [...labelNames], registers });
		this.#counters = new Counters(make, "", NAMES);
		this.#totals = new Counters(make, "all_", []);
		this.#active = new Gauge({
			name: "conntracer_connections_active",
			help: "Connections that are open now.",
			...{ labelNames: [...NAMES], registers },
		});
		this.#health = new Health(this.#registry);
		this.#probes = new ProbeMetrics(this.#registry);
	}

	get contentType(): string {
		return this.#registry.contentType;
	}

	/** What has changed since it was told last. */
	take(changed: readonly Changed[]): void {
		const now = this.#now();
		for (const connection of changed) {
			const set = this.#sets.of(connection, now);
			count(set, connection);
			count(this.#all, connection);
			if (connection.is_open) set.active++;
		}
	}

	/** Before what is open is told anew. */
	forgetOpen(): void {
		this.#sets.forgetOpen();
	}

	/** In the text format of Prometheus. */
	text(stats: ServedStats): Promise<string> {
		this.#counters.reset();
		this.#totals.reset();
		this.#active.reset();
		for (const set of this.#sets) {
			const labels = { ...set.labels };
			this.#counters.add(labels, set);
			if (set.active > 0) this.#active.inc(labels, set.active);
		}
		this.#totals.add({}, this.#all);
		this.#health.set(stats, this.#sets);
		this.#probes.set(stats.probes);
		return this.#registry.metrics();
	}
}

function count(into: Mutable<Counted>, { since_last, error, close_reason }: Changed): void {
	into.transmitted += since_last.bytes_sent ?? 0;
	into.received += since_last.bytes_received ?? 0;
	const { segments_retransmitted: again, connections_failed, connections_closed } = since_last;
	if (again !== null) into.retransmitted = (into.retransmitted ?? 0) + again;
	into.opened += since_last.connections_opened;
	add(into.failed, error ?? "unknown", connections_failed);
	add(into.closed, close_reason ?? "unknown", connections_closed);
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

function add(to: Map<string, number>, name: string, amount: number): void {
	if (amount > 0) to.set(name, (to.get(name) ?? 0) + amount);
}

/** The tracer's own. */
class Health {
	readonly #info: Gauge;
	readonly #lost: Counter;
	readonly #cpu: Counter;
	readonly #refused: Counter;
	readonly #numbers: Readonly<Record<"sets" | "most" | "clients" | "readers" | "memory", Gauge>>;
	/** Totals as they were told last. */
	#told: Pick<ServiceStats, "lost" | "cpu_ms"> | null = null;

	constructor(registry: Registry) {
		const registers = [registry];
		const gauge = (name: string, help: string, ...labelNames: string[]): Gauge =>
			new Gauge({ name: `conntracer_${name}`, help, labelNames, registers });
		const counter = (name: string, help: string, ...labelNames: string[]): Counter =>
			new Counter({ name: `conntracer_${name}`, help, labelNames, registers });
		this.#info = gauge("info", "The version, and the kernel that it runs on.", "version", "kernel");
		this.#lost = counter("lost_total", "What was lost, by stage.", "stage");
		this.#cpu = counter("cpu_seconds_total", "CPU time that conntracer has used itself.");
		this.#refused = counter(
			"label_sets_refused_total",
			"Changes that are counted as other, as all places were taken, or those of one user.",
			"reason",
		);
		this.#numbers = {
			sets: gauge("label_sets", "Label sets in use."),
			most: gauge("label_sets_limit", "Label sets that there can be; the rest is other."),
			clients: gauge("clients", "Clients of the API that are known."),
			readers: gauge("readers", "Readers of events."),
			memory: gauge("memory_peak_bytes", "Peak resident memory of conntracer."),
		};
	}

	set(stats: ServiceStats, sets: LabelSets): void {
		this.#info.set({ version: stats.version, kernel: stats.kernel }, 1);
		for (const stage of Object.keys(stats.lost) as (keyof ServiceStats["lost"])[])
			this.#lost.inc({ stage }, stats.lost[stage] - (this.#told?.lost[stage] ?? 0));
		this.#cpu.inc((stats.cpu_ms - (this.#told?.cpu_ms ?? 0)) / 1000);
		this.#told = stats;
		this.#refused.reset();
		for (const reason of ["full", "user"] as const)
			this.#refused.inc({ reason }, sets.refused[reason]);
		this.#numbers.sets.set(sets.size);
		this.#numbers.most.set(sets.most);
		this.#numbers.clients.set(stats.clients);
		this.#numbers.readers.set(stats.readers);
		this.#numbers.memory.set(stats.peak_memory_bytes);
	}
}
