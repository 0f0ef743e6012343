/** Whose the flows of conntrack are: the process of the socket at one of their ends, if that is here. */

import type { AccountingRecord, FlowRecord } from "./records.ts";

/** A process. */
export interface Owner {
	readonly pid: number | null;
	readonly process: string | null;
}

type Flow = Pick<
	AccountingRecord,
	| ("transport" | "netns" | "nat")
	| ("source_address" | "source_port" | "destination_address" | "destination_port")
>;

/** Several sockets have this port. */
const SEVERAL = Symbol();

/** The sockets that were seen: conntrack may tell of the end of a flow long after that of its socket. */
export class FlowOwners {
	readonly #most: number;
	/** The oldest comes first. */
	readonly #byEnds = new Map<string, Owner>();
	/** UDP: a socket does not always know its own address, nor its peer's. Those of the last look. */
	readonly #byPort = new Map<string, Owner | typeof SEVERAL>();

	/** @param most that are kept */
	constructor(most: number) {
		this.#most = most;
	}

	/** What a look has found: flows that are single connections. */
	take(flows: readonly FlowRecord[]): void {
		this.#byPort.clear();
		for (const flow of flows) this.#add(flow);
		for (const oldest of this.#byEnds.keys()) {
			if (this.#byEnds.size <= this.#most) break;
			this.#byEnds.delete(oldest);
		}
	}

	/** Of who sent the first packet, or else of who it was for. Null where neither is here. */
	of(flow: Flow): Owner | null {
		const { transport, netns, nat } = flow;
		const [source, destination] = [flow.source_address, flow.destination_address];
		const opener = `${source} ${flow.source_port} ${destination} ${flow.destination_port}`;
		// What the other side sees.
		const seen = nat ?? flow;
		const own = `${seen.destination_address} ${seen.destination_port}`;
		const server = `${own} ${seen.source_address} ${seen.source_port}`;
		const place = `${netns} ${transport}`;
		return (
			this.#byEnds.get(`${place} ${opener}`) ??
			this.#byEnds.get(`${place} ${server}`) ??
			(transport === "udp"
				? (this.#alone(`${netns} ${flow.source_port}`) ??
					this.#alone(`${netns} ${seen.destination_port}`))
				: null)
		);
	}

	#alone(key: string): Owner | null {
		const found = this.#byPort.get(key);
		return found === undefined || found === SEVERAL ? null : found;
	}

	#add(flow: FlowRecord): void {
		const { transport, netns, local_address, local_port, remote_address, remote_port } = flow;
		if (flow.process === null && flow.last_pid === null) return;
		const owner = { pid: flow.last_pid, process: flow.process };
		const ends = `${local_address} ${local_port} ${remote_address} ${remote_port}`;
		const key = `${netns} ${transport} ${ends}`;
		this.#byEnds.delete(key);
		this.#byEnds.set(key, owner);
		if (transport !== "udp") return;
		const port = `${netns} ${local_port}`;
		const known = this.#byPort.get(port);
		const isOther = known !== undefined && (known === SEVERAL || known.pid !== owner.pid);
		this.#byPort.set(port, isOther ? SEVERAL : owner);
	}
}
