/** What connections move, and how the tracer fares, for Prometheus. */

import { Counter, Gauge, Registry } from "prom-client";
import type { ChangedConnection } from "../flow/client-answers.ts";
import { safeText } from "../sink/text.ts";
import type { ClientConnection, ServiceStats } from "../trace/client-records.ts";
import { ProbeMetrics } from "./probe-metrics.ts";
import type { ServedStats } from "./routes.ts";

type Changed = ChangedConnection<ClientConnection>;

/** No pid, no address, and of the ports that of the side which listens. */
interface Labels {
	readonly process: string;
	readonly network_transport: string;
	readonly server_port: string;
	readonly role: string;
}

const NAMES = ["process", "network_transport", "server_port", "role"] as const;
const DIRECTION = "network_io_direction";
/** For what is above the bound. */
const OTHER: Labels = {
	...{ process: "other", network_transport: "other", server_port: "other", role: "other" },
};
const ROLES = { active: "client", passive: "server" } as const;

/** Label sets at one time; each has some ten series. */
const MOST_LABEL_SETS = 1000;

export class Metrics {
	readonly #registry = new Registry();
	readonly #sets = new Map<string, Labels>();
	readonly #most: number;
	readonly #io: Counter;
	readonly #retransmitted: Counter;
	readonly #opened: Counter;
	readonly #failed: Counter;
	readonly #closed: Counter;
	readonly #active: Gauge;
	readonly #health: Health;
	readonly #probes: ProbeMetrics;

	/** @param most label sets; of what is above them all is one, `other` */
	constructor(most = MOST_LABEL_SETS) {
		this.#most = most;
		const registers = [this.#registry];
		const counter = (name: string, help: string, labelNames: readonly string[]): Counter =>
			new Counter({ name: `conntracer_${name}`, help, labelNames: [...labelNames], registers });
		this.#io = counter("io_bytes_total", "Payload that programs sent and received.", [
			...NAMES,
			DIRECTION,
		]);
		this.#retransmitted = counter(
			"tcp_retransmitted_segments_total",
			"TCP segments that were sent again.",
			NAMES,
		);
		this.#opened = counter("connections_opened_total", "Connections that began.", NAMES);
		this.#failed = counter("connections_failed_total", "Attempts to connect that failed.", [
			...NAMES,
			"error_type",
		]);
		this.#closed = counter("connections_closed_total", "Connections that are over.", [
			...NAMES,
			"close_reason",
		]);
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
		for (const connection of changed) {
			const labels = this.#labels(connection);
			const { since_last, is_open, close_reason, error } = connection;
			const { connections_opened: opened, connections_failed: failed } = since_last;
			this.#io.inc({ ...labels, [DIRECTION]: "transmit" }, since_last.bytes_sent ?? 0);
			this.#io.inc({ ...labels, [DIRECTION]: "receive" }, since_last.bytes_received ?? 0);
			if (since_last.segments_retransmitted !== null)
				this.#retransmitted.inc({ ...labels }, since_last.segments_retransmitted);
			if (opened > 0) this.#opened.inc({ ...labels }, opened);
			if (failed > 0) this.#failed.inc({ ...labels, error_type: error ?? "unknown" }, failed);
			const [reason, over] = [close_reason ?? "unknown", since_last.connections_closed];
			if (over > 0) this.#closed.inc({ ...labels, close_reason: reason }, over);
			if (is_open) this.#active.inc({ ...labels });
		}
	}

	/** Before what is open is told anew. */
	forgetOpen(): void {
		this.#active.reset();
	}

	/** In the text format of Prometheus. */
	text(stats: ServedStats): Promise<string> {
		this.#health.set(stats, this.#sets.size, this.#most);
		this.#probes.set(stats.probes);
		return this.#registry.metrics();
	}

	#labels({ process, transport, direction, local_port, remote_port }: Changed): Labels {
		const port = direction === "active" ? remote_port : direction === "passive" ? local_port : null;
		const role = direction === null ? "unknown" : ROLES[direction];
		const key = `${transport} ${role} ${port} ${process}`;
		const known = this.#sets.get(key);
		if (known !== undefined) return known;
		if (this.#sets.size >= this.#most) return OTHER;
		const labels = {
			process: safeText(process ?? "unknown"),
			network_transport: transport,
			server_port: port === null ? "unknown" : String(port),
			role: role,
		};
		this.#sets.set(key, labels);
		return labels;
	}
}

/** The tracer's own. */
class Health {
	readonly #info: Gauge;
	readonly #lost: Counter;
	readonly #cpu: Counter;
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
		this.#numbers = {
			sets: gauge("label_sets", "Label sets in use."),
			most: gauge("label_sets_limit", "Label sets that there can be; the rest is other."),
			clients: gauge("clients", "Clients of the API that are known."),
			readers: gauge("readers", "Readers of events."),
			memory: gauge("memory_peak_bytes", "Peak resident memory of conntracer."),
		};
	}

	set(stats: ServiceStats, sets: number, most: number): void {
		this.#info.set({ version: stats.version, kernel: stats.kernel }, 1);
		for (const stage of Object.keys(stats.lost) as (keyof ServiceStats["lost"])[])
			this.#lost.inc({ stage }, stats.lost[stage] - (this.#told?.lost[stage] ?? 0));
		this.#cpu.inc((stats.cpu_ms - (this.#told?.cpu_ms ?? 0)) / 1000);
		this.#told = stats;
		this.#numbers.sets.set(sets);
		this.#numbers.most.set(most);
		this.#numbers.clients.set(stats.clients);
		this.#numbers.readers.set(stats.readers);
		this.#numbers.memory.set(stats.peak_memory_bytes);
	}
}
