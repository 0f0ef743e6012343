/** A tracer of connections beside the account of flows, which says whose they are. */

import type { FlowFilter } from "../flow/filter.ts";
import { FlowOwners, type Owner } from "../flow/flow-owners.ts";
import type { AccountingRecord } from "../flow/records.ts";
import type { HookOptions } from "./conntrack-way.ts";
import { SideTracer } from "./side-tracer.ts";

interface OwnerOptions extends HookOptions {
	/** Whose owner is kept. */
	readonly maxFlows: number;
	/** Whose flows are wanted; null: all, also those of which it is not known. */
	readonly whose: FlowFilter | null;
}

export class OwnerLook implements Disposable {
	readonly #tracer: SideTracer;
	readonly #mostFlows: number;
	readonly #isFilter: boolean;
	readonly #owners: FlowOwners;
	/** By flow id: of flows that were reported, and are not over. The oldest comes first. */
	readonly #known = new Map<string, Owner>();

	private constructor(tracer: SideTracer, { maxFlows, whose }: OwnerOptions) {
		this.#tracer = tracer;
		this.#mostFlows = maxFlows;
		this.#isFilter = whose !== null;
		this.#owners = new FlowOwners(maxFlows);
	}

	/** @throws PermissionError, UnsupportedError, LibbpfMissingError, LibbpfError where it takes them to filter */
	static open(options: OwnerOptions): OwnerLook {
		const { whose } = options;
		return new OwnerLook(SideTracer.open(options, whose, whose !== null), options);
	}

	/** What it is done with. */
	get ready(): SideTracer["ready"] {
		return this.#tracer.ready;
	}

	/** Whether it is time for join(), for so many records. */
	isDue(records: number): boolean {
		return this.#tracer.isDue(records);
	}

	/** The same records, with their processes: those of processes that are wanted. */
	join(records: readonly AccountingRecord[]): readonly AccountingRecord[] {
		return this.#tracer.look((flows) => {
			if (flows === null) return records;
			this.#owners.take(flows);
			return records.flatMap((record) => this.#joined(record));
		});
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
		this.#tracer[Symbol.dispose]();
	}
}
