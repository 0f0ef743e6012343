/** The rows of one interval: what slots grew by, added up where several make one row. */

import type { FlowSubject } from "./flow-subject.ts";
import { type FlowRecord, LAST_STARTED } from "./records.ts";

/** What a slot's totals grew by since the last reading. */
export interface Growth {
	closed: number;
	failed: number;
	opened: number;
	adopted: number;
	bytes_sent: number;
	bytes_received: number;
	segments_retransmitted: number;
	rtt_sum_us: number;
	rtt_samples: number;
	/** Connections so far whose bytes nobody counts: not since the last reading. */
	uncounted: number;
	/** Connections open now. */
	open: number;
}

/** Of the newest connection; what is not known is null. */
export interface LastOwner {
	readonly pid: number | null;
	readonly uid: number | null;
	/** When the process started, in ticks; 0: not known. */
	readonly started: number;
}

interface Row extends Growth {
	readonly subject: FlowSubject;
	last: LastOwner;
}

const NOT_KNOWN = {};

export class RowBuilder {
	readonly #time: string;
	readonly #intervalMs: number;
	readonly #rows = new Map<string | number, Row>();

	constructor(time: string, intervalMs: number) {
		this.#time = time;
		this.#intervalMs = intervalMs;
	}

	/** Takes over `growth`. */
	add(key: string | number, subject: FlowSubject, growth: Growth, last: LastOwner): void {
		const row = this.#rows.get(key);
		if (row === undefined) {
			this.#rows.set(key, Object.assign(growth, { subject, last }));
			return;
		}
		addTo(row, growth);
		if (last.uid !== null) row.last = last;
	}

	finish(): FlowRecord[] {
		return Array.from(this.#rows.values(), (row) => this.#record(row));
	}

	#record(row: Row): FlowRecord {
		const { identity } = row.subject;
		return {
			type: "flow",
			time: this.#time,
			interval_ms: this.#intervalMs,
			transport: identity.transport,
			family: identity.family,
			direction: identity.direction,
			local_address: identity.local_address,
			local_port: identity.local_port,
			remote_address: identity.remote_address,
			remote_port: identity.remote_port,
			listen_port: identity.listen_port,
			process: identity.process,
			last_pid: row.last.pid,
			uid: row.last.uid,
			netns: identity.netns,
			cgroup_id: identity.cgroup_id,
			container_id: identity.container_id,
			connections_opened: row.opened,
			connections_failed: row.failed,
			connections_closed: row.closed,
			connections_open: row.open,
			bytes_sent: row.uncounted > 0 ? null : row.bytes_sent,
			bytes_received: row.uncounted > 0 ? null : row.bytes_received,
			segments_retransmitted: row.segments_retransmitted,
			rtt_us: row.rtt_samples === 0 ? null : Math.round(row.rtt_sum_us / row.rtt_samples),
			nat: null,
			remote_name: null,
			...(row.last.started === 0 ? NOT_KNOWN : { [LAST_STARTED]: row.last.started }),
		};
	}
}

function addTo(row: Growth, growth: Growth): void {
	row.closed += growth.closed;
	row.failed += growth.failed;
	row.opened += growth.opened;
	row.adopted += growth.adopted;
	row.bytes_sent += growth.bytes_sent;
	row.bytes_received += growth.bytes_received;
	row.segments_retransmitted += growth.segments_retransmitted;
	row.rtt_sum_us += growth.rtt_sum_us;
	row.rtt_samples += growth.rtt_samples;
	row.open += growth.open;
	row.uncounted += growth.uncounted;
}
