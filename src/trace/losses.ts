/** What was lost, by stage: totals for the summary, what came since the last look for gaps. */

import type { GapRecord, LossStage } from "../flow/records.ts";
import { losses } from "../maps/structs.ts";

type Totals = Record<LossStage, number>;

export const NOTHING_LOST: Readonly<Totals> = {
	connection_table: 0,
	flow_table: 0,
	listener_table: 0,
	netns_table: 0,
	ring_buffer: 0,
	queue: 0,
	udp_table: 0,
	connection_end: 0,
	conntrack_table: 0,
	dns_table: 0,
	dns_message: 0,
	dns_unasked: 0,
	namespace: 0,
	program: 0,
};

const HINTS: Readonly<Record<LossStage, string | null>> = {
	connection_table: "raise --max-connections",
	flow_table: "raise --max-flows, or aggregate more (--aggregate service)",
	listener_table: "connections to these listeners have no process",
	netns_table: "they are left out of the comparison with the kernel's counters",
	ring_buffer: "raise --buffer",
	queue: "raise --buffer",
	udp_table: "raise --max-connections",
	connection_end: "what they moved last, and how they ended, is not known",
	conntrack_table: "raise sysctl net.netfilter.nf_conntrack_max",
	dns_table: "raise --max-questions",
	dns_message: null,
	dns_unasked: null,
	namespace: null,
	program: null,
};

type NotOfKernel =
	| "flow_table"
	| "queue"
	| "conntrack_table"
	| "dns_table"
	| "dns_message"
	| "dns_unasked"
	| "namespace"
	| "program";

/** From loss_counters. */
function kernelLosses(memory: DataView): Omit<Totals, NotOfKernel> & {
	unreturned: number;
	caught_up: number;
} {
	const counted = losses.read(memory, 0, losses.zero());
	return {
		connection_table:
			counted.connections_active + counted.connections_passive + counted.connections_adopted,
		listener_table: counted.listeners,
		netns_table: counted.netns,
		ring_buffer: counted.events,
		udp_table: counted.datagrams,
		connection_end: counted.ends,
		unreturned: counted.unreturned,
		caught_up: counted.caught_up,
	};
}

export class Losses {
	readonly totals: Totals = { ...NOTHING_LOST };
	readonly #memory: DataView;
	#since: string;

	constructor(memory: DataView, since: string) {
		this.#memory = memory;
		this.#since = since;
	}

	/**
	 * A gap for each stage that lost something since the last call. `skipped` are the runs of first
	 * programs that the kernel skipped, read before this; what the second ones caught up on is no loss.
	 * Of a kretprobe the kernel counts none: its calls show that it was missing.
	 */
	take(time: string, overflow: number, skipped: number): GapRecord[] {
		const now = this.now(overflow, skipped);
		const from = this.#since;
		this.#since = time;
		return (Object.keys(HINTS) as LossStage[]).flatMap((stage) => {
			const count = now[stage] - this.totals[stage];
			this.totals[stage] = now[stage];
			return count === 0 ? [] : [{ type: "gap", from, to: time, stage, count, hint: HINTS[stage] }];
		});
	}

	/** Totals, without a gap for what is new; parameters as those of take(). */
	now(overflow: number, skipped: number): Totals {
		const { caught_up, unreturned, ...lost } = kernelLosses(this.#memory);
		return {
			...lost,
			...{ queue: 0, conntrack_table: 0, dns_table: 0, dns_message: 0 },
			...{ dns_unasked: 0, namespace: 0 },
			flow_table: this.totals.flow_table + overflow,
			program: Math.max(this.totals.program, skipped - caught_up + unreturned),
		};
	}
}
