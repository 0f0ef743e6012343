/** A tracer of connections beside something that knows no processes: who holds the socket at an end. */

import { LibbpfError, LibbpfMissingError, PermissionError, UnsupportedError } from "../errors.ts";
import type { FlowFilter } from "../flow/filter.ts";
import type { FlowRecord, ReadyRecord } from "../flow/records.ts";
import type { HookOptions } from "./conntrack-way.ts";
import { FlowTracer } from "./flow-tracer.ts";

type Ready = Pick<ReadyRecord, "libbpf" | "hooks" | "programs">;

/** Between two looks, at least; and so that they take no more than a twentieth of the time. */
const LOOK_MS = 250;
const LOOK_SHARE = 20;
/** Where nothing waits for one, so much later: what has ended is to be forgotten. */
const IDLE_MS = 1000;

export class SideTracer implements Disposable {
	/** Null where this machine, or who runs us, does not allow it. */
	readonly #tracer: FlowTracer | null;
	readonly #reason: string;
	#nextAt = 0;

	private constructor(tracer: FlowTracer | null, reason: string) {
		this.#tracer = tracer;
		this.#reason = reason;
	}

	/**
	 * @param filter of the connections that matter
	 * @param isNeeded whether nothing is known without it: then it is an error if it cannot be had
	 * @throws PermissionError, UnsupportedError, LibbpfMissingError, LibbpfError
	 */
	static open(options: HookOptions, filter: FlowFilter | null, isNeeded: boolean): SideTracer {
		const { hooks, btfPath, libbpfPath } = options;
		const of = { aggregate: "connection", filter } as const;
		try {
			return new SideTracer(FlowTracer.open({ ...of, hooks, btfPath, libbpfPath }), "");
		} catch (error) {
			const isRefusal = REFUSALS.some((kind) => error instanceof kind);
			if (!isRefusal || isNeeded) throw error;
			return new SideTracer(null, (error as Error).message);
		}
	}

	/** What it is done with. */
	get ready(): Ready {
		const { libbpf, hooks, programs }: Ready = this.#tracer?.ready ?? NONE;
		const process = hooks["tcp_lifecycle"] ?? hooks["udp"] ?? `none: ${this.#reason}`;
		const { nat: _, ...others } = hooks;
		return { libbpf, hooks: { ...others, process }, programs };
	}

	/** Whether it is time for look(), for so many records. */
	isDue(records: number): boolean {
		if (this.#tracer === null) return true;
		const idle = records === 0 ? IDLE_MS : 0;
		return performance.now() >= this.#nextAt + idle;
	}

	/** Calls `join` with the connections that are open, or were since the last look; null: nobody can tell. */
	look<T>(join: (flows: readonly FlowRecord[] | null) => T): T {
		if (this.#tracer === null) return join(null);
		const begin = performance.now();
		const joined = join(this.#tracer.dumpUntranslated().flows);
		const end = performance.now();
		this.#nextAt = end + Math.max(LOOK_MS, (end - begin) * LOOK_SHARE);
		return joined;
	}

	[Symbol.dispose](): void {
		this.#tracer?.close();
	}
}

const REFUSALS = [PermissionError, UnsupportedError, LibbpfMissingError, LibbpfError] as const;
const NONE = { libbpf: null, hooks: {}, programs: [] } as const;
