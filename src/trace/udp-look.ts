/** A tracer of UDP beside one of events: who knows UDP by what it moved in each interval. */

import { Processes } from "../enrich/processes.ts";
import { LibbpfError, PermissionError, UnsupportedError } from "../errors.ts";
import type { ProbeStats } from "../flow/probe-stats.ts";
import type { GapRecord, ReadyRecord, SummaryRecord } from "../flow/records.ts";
import { type UdpConnection, UdpConnections } from "../flow/udp-connections.ts";
import { FlowTracer, type FlowTracerOptions } from "./flow-tracer.ts";

/** What it was found to have done since it was looked at last. */
export interface UdpFound {
	readonly ended: readonly UdpConnection[];
	readonly gaps: readonly GapRecord[];
}

type Options = Omit<Partial<FlowTracerOptions>, "aggregate" | "byOwner" | "transport">;

export class UdpLook implements Disposable {
	/** What is open, as it was found last. */
	open: readonly UdpConnection[] = [];
	/** How it is hooked, or why it is not. */
	readonly hooks: ReadyRecord["hooks"];
	/** Null where this kernel has no way to it. */
	readonly #tracer: FlowTracer | null;
	readonly #connections: UdpConnections;

	private constructor(tracer: FlowTracer | null, hooks: ReadyRecord["hooks"]) {
		this.#tracer = tracer;
		this.hooks = hooks;
		const processes = new Processes();
		this.#connections = new UdpConnections((pid, name, started) =>
			processes.detailsOf(pid, name, started),
		);
	}

	/** @throws LibbpfMissingError, LibbpfError, PermissionError for what is not about UDP alone */
	static open(options: Options): UdpLook {
		const of = { aggregate: "connection", byOwner: true, transport: "udp" } as const;
		try {
			const tracer = FlowTracer.open({ ...options, ...of });
			const { nat: _, dns: __, ...hooks } = tracer.ready.hooks;
			return new UdpLook(tracer, hooks);
		} catch (error) {
			const isRefusal = REFUSALS.some((kind) => error instanceof kind);
			if (!isRefusal) throw error;
			return new UdpLook(null, { udp: `none: ${(error as Error).message}` });
		}
	}

	/** Where UDP is not asked for. */
	static none(): UdpLook {
		return new UdpLook(null, {});
	}

	get programs(): readonly string[] {
		return this.#tracer?.ready.programs ?? [];
	}

	look(): UdpFound {
		if (this.#tracer === null) return { ended: [], gaps: [] };
		const { flows, gaps } = this.#tracer.dumpFlows();
		const { open, ended } = this.#connections.take(flows);
		this.open = open;
		return { ended, gaps };
	}

	/** Null where nothing is traced. */
	probeStats(): ProbeStats | null {
		return this.#tracer?.probeStats() ?? null;
	}

	/** Of the whole run, added to that of TCP; takes the hooks out. */
	withSummary(tcp: SummaryRecord): SummaryRecord {
		const udp = this.#tracer?.summary();
		if (udp === undefined) return tcp;
		const lost = { ...tcp.lost };
		for (const stage of Object.keys(lost) as (keyof typeof lost)[]) lost[stage] += udp.lost[stage];
		const bpf_runs = sumOf(tcp.self.bpf_runs, udp.self.bpf_runs);
		const bpf_ns = sumOf(tcp.self.bpf_ns, udp.self.bpf_ns);
		return { ...tcp, lost, self: { ...tcp.self, bpf_runs, bpf_ns } };
	}

	[Symbol.dispose](): void {
		this.#tracer?.close();
	}
}

const REFUSALS = [PermissionError, UnsupportedError, LibbpfError] as const;

const sumOf = (a: number | null, b: number | null): number | null =>
	a === null || b === null ? null : a + b;
