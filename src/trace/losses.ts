/** What was lost, by stage: totals for the summary, what came since the last look for gaps. */

import type { GapRecord, LossStage } from "../flow/records.ts";
import { losses } from "../maps/structs.ts";

type Totals = Record<LossStage, number>;

const HINTS: Readonly<Record<LossStage, string | null>> = {
	connection_table: "raise --max-connections",
	flow_table: "raise --max-flows, or aggregate more (--aggregate service)",
	listener_table: "connections to these listeners have no process",
	netns_table: "they are left out of the comparison with the kernel's counters",
	program: "the kernel skipped them: a program was interrupted by its own kind",
};

/** From loss_counters. */
function kernelLosses(
	memory: DataView,
): Pick<Totals, "connection_table" | "listener_table" | "netns_table"> {
	const counted = losses.read(memory, 0, losses.zero());
	return {
		connection_table:
			counted.connections_active + counted.connections_passive + counted.connections_adopted,
		listener_table: counted.listeners,
		netns_table: counted.netns,
	};
}

export class Losses {
	readonly totals: Totals = {
		connection_table: 0,
		flow_table: 0,
		listener_table: 0,
		netns_table: 0,
		program: 0,
	};
	readonly #memory: DataView;
	#since: string;

	constructor(memory: DataView, since: string) {
		this.#memory = memory;
		this.#since = since;
	}

	/** A gap for each stage that lost something since the last call. */
	take(time: string, overflow: number, misses: number): GapRecord[] {
		const now: Totals = {
			...kernelLosses(this.#memory),
			flow_table: this.totals.flow_table + overflow,
			program: misses,
		};
		const from = this.#since;
		this.#since = time;
		return (Object.keys(HINTS) as LossStage[]).flatMap((stage) => {
			const count = now[stage] - this.totals[stage];
			this.totals[stage] = now[stage];
			return count === 0 ? [] : [{ type: "gap", from, to: time, stage, count, hint: HINTS[stage] }];
		});
	}
}
