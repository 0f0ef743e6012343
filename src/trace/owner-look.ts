/** A tracer of connections beside the account of flows, which says whose they are. */

import { LibbpfError, LibbpfMissingError, PermissionError, UnsupportedError } from "../errors.ts";
import type { FlowFilter } from "../flow/filter.ts";
import { FlowOwners, type Owner } from "../flow/flow-owners.ts";
import type { AccountingRecord, ReadyRecord } from "../flow/records.ts";
import type { HookOptions } from "./conntrack-way.ts";
import { FlowTracer } from "./flow-tracer.ts";

interface OwnerOptions extends HookOptions {
	/** Whose owner is kept. */
	readonly maxFlows: number;
	/** Whose flows are wanted; null: all, also those of which it is not known. */
	readonly whose: FlowFilter | null;
}

type Ready = Pick<ReadyRecord, "libbpf" | "hooks" | "programs">;

/** Between two looks, at least; and so that they take no more than a twentieth of the time. */
const LOOK_MS = 250;
const LOOK_SHARE = 20;
/** Where nothing waits for one, so much later: what has ended is to be forgotten. */
const IDLE_MS = 1000;

export class OwnerLook implements Disposable {
	/** Null where this machine, or who runs us, does not allow it. */
	readonly #tracer: FlowTracer | null;
	readonly #reason: string;
	readonly #mostFlows: number;
	readonly #isFilter: boolean;
	readonly #owners: FlowOwners;
	#nextAt = 0;
	/** By flow id: of flows that were reported, and are not over. The oldest comes first. */
	readonly #known = new Map<string, Owner>();

	private constructor(
		tracer: FlowTracer | null,
		reason: string,
		{ maxFlows, whose }: OwnerOptions,
	) {
		this.#tracer = tracer;
		this.#reason = reason;
		this.#mostFlows = maxFlows;
		this.#isFilter = whose !== null;
		this.#owners = new FlowOwners(maxFlows);
	}

	/** @throws PermissionError, UnsupportedError, LibbpfMissingError, LibbpfError where it takes them to filter */
	static open(options: OwnerOptions): OwnerLook {
		const { hooks, btfPath, libbpfPath, whose: filter } = options;
		const of = { aggregate: "connection", filter } as const;
		try {
			const tracer = FlowTracer.open({ ...of, hooks, btfPath, libbpfPath });
			return new OwnerLook(tracer, "", options);
		} catch (error) {
			const isRefusal = REFUSALS.some((kind) => error instanceof kind);
			if (!isRefusal || options.whose !== null) throw error;
			return new OwnerLook(null, (error as Error).message, options);
		}
	}

	/** What it is done with. */
	get ready(): Ready {
		const { libbpf, hooks, programs }: Ready = this.#tracer?.ready ?? NONE;
		const process = hooks["tcp_lifecycle"] ?? `none: ${this.#reason}`;
		const { nat: _, ...others } = hooks;
		return { libbpf, hooks: { ...others, process }, programs };
	}

	/** Whether it is time for join(), for so many records. */
	isDue(records: number): boolean {
		if (this.#tracer === null) return true;
		const idle = records === 0 ? IDLE_MS : 0;
		return performance.now() >= this.#nextAt + idle;
	}

	/** The same records, with their processes: those of processes that are wanted. */
	join(records: readonly AccountingRecord[]): readonly AccountingRecord[] {
		if (this.#tracer === null) return records;
		const begin = performance.now();
		this.#owners.take(this.#tracer.dumpUntranslated().flows);
		const joined = records.flatMap((record) => this.#joined(record));
		const end = performance.now();
		this.#nextAt = end + Math.max(LOOK_MS, (end - begin) * LOOK_SHARE);
		return joined;
	}

	#joined(record: AccountingRecord): AccountingRecord | [] {
		const { flow_id, event } = record;
		const known = this.#known.get(flow_id);
		const owner = known ?? this.#owners.of(record);
		if (event === "destroy") this.#known.delete(flow_id);
		if (owner === null) return this.#isFilter ? [] : record;
		if (known === undefined && event !== "destroy") this.#keep(flow_id, owner);
		return { ...record, pid: owner.pid, process: owner.process };
	}

	#keep(flowId: string, owner: Owner): void {
		this.#known.set(flowId, owner);
		if (this.#known.size <= this.#mostFlows) return;
		for (const oldest of this.#known.keys()) {
			this.#known.delete(oldest);
			return;
		}
	}

	[Symbol.dispose](): void {
		this.#tracer?.close();
	}
}

const REFUSALS = [PermissionError, UnsupportedError, LibbpfMissingError, LibbpfError] as const;
const NONE = { libbpf: null, hooks: {}, programs: [] } as const;
