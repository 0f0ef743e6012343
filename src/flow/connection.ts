/** From `struct socket_info`, in place, to the record of an open connection. */

import { owner, socketInfo } from "../maps/structs.ts";
import type { FilterSubject } from "./filter.ts";
import { bytesAt, directionName, tcpStateName } from "./kernel-names.ts";
import { RecordTexts } from "./record-texts.ts";
import type { ConnectionFields, ContainerOf, Transport } from "./records.ts";

/** A program that has the socket open. */
export interface Holder {
	readonly pid: number;
	readonly fd: number;
}

/** What the kernel counts of a TCP socket, and does not of a UDP socket. */
type CounterName =
	| "bytes_sent"
	| "bytes_received"
	| "segments_sent"
	| "segments_received"
	| "segments_retransmitted";

/** A connection that is open now, or a socket without a peer: it listens, or is bound only. */
export interface ConnectionRecord
	extends Omit<ConnectionFields, CounterName>,
		Readonly<Record<CounterName, number | null>> {
	readonly type: "connection";
	/** Of `pid`; null where no program has it open. */
	readonly fd: number | null;
	/** One side has sent its FIN. */
	readonly closing: boolean;
	/** All that have the socket open besides `pid` and `fd`. */
	readonly holders: readonly Holder[];
}

/** What the kernel's numbers are called. */
export interface ConnectionNames {
	readonly containerOf: ContainerOf;
	readonly processOf: (
		pid: number,
		started: number,
	) => {
		readonly executable: string | null;
		readonly commandLine: string | null;
	};
}

type Who = Pick<FilterSubject, "pid" | "uid" | "process" | "cgroup_id" | "container_id">;
type Where = Pick<
	ConnectionRecord,
	| "family"
	| "direction"
	| "state"
	| "local_address"
	| "local_port"
	| "remote_address"
	| "remote_port"
>;
type Counters = Pick<ConnectionRecord, CounterName | "rtt_us" | "rtt_var_us" | "rtt_min_us">;

const IPPROTO_UDP = 17;
const NO_COUNTERS: Counters = {
	...{ bytes_sent: null, bytes_received: null },
	...{ segments_sent: null, segments_received: null, segments_retransmitted: null },
	...{ rtt_us: null, rtt_var_us: null, rtt_min_us: null },
};
/** UDP has no state of its own for a socket that is bound only. */
const WITHOUT_PEER = new Set(["LISTEN", "CLOSE"]);
const CLOSING = new Set(["FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT", "LAST_ACK", "CLOSING"]);
const at = socketInfo.offsets;
const ownerAt = {
	cgroupId: at.owner + owner.offsets.cgroup_id,
	pid: at.owner + owner.offsets.pid,
	tid: at.owner + owner.offsets.tid,
	uid: at.owner + owner.offsets.uid,
	comm: at.owner + owner.offsets.comm,
	started: at.owner + owner.offsets.started,
	cgroupV1: at.owner + owner.offsets.cgroup_v1,
} as const;

/** Reads records at given places of `view`, which must not change meanwhile. */
export class ConnectionDecoder {
	readonly #view: DataView;
	readonly #names: ConnectionNames;
	readonly #texts = new RecordTexts();
	readonly #containers = new Map<string, string | null>();
	#lastId = 0;

	constructor(view: DataView, names: ConnectionNames) {
		this.#view = view;
		this.#names = names;
	}

	/** What a filter looks at. The holder of the record at `place` is the one that it sees. */
	subject(place: number): FilterSubject {
		const where = this.#where(place);
		return {
			transport: this.#transport(place),
			...where,
			listen_port: where.direction === "active" ? where.remote_port : where.local_port,
			...this.#who(place),
			netns: this.#u32(place + at.netns),
		};
	}

	/** `places`: of one socket. The first one's holder is the owner. */
	decode(places: readonly number[]): ConnectionRecord {
		const [place = 0, ...others] = places;
		const where = this.#where(place);
		const { pid, ...who } = this.#who(place);
		const details =
			pid === null ? null : this.#names.processOf(pid, this.#u32(place + ownerAt.started));
		return {
			...{ type: "connection", id: String(++this.#lastId) },
			...{ transport: this.#transport(place), ...where },
			...{ pid, tid: pid === null ? null : this.#u32(place + ownerAt.tid), process: who.process },
			executable: details?.executable ?? null,
			command_line: details?.commandLine ?? null,
			...{ uid: who.uid, netns: this.#u32(place + at.netns) },
			...{ cgroup_id: who.cgroup_id, container_id: who.container_id },
			attribution: pid === null ? null : "scan",
			...{ opened: null, preexisting: true, duration_ms: null },
			...this.#counters(place),
			...{ connect_latency_us: null, nat: null, remote_name: null },
			fd: pid === null ? null : this.#u32(place + at.fd),
			closing: CLOSING.has(where.state),
			holders: others.map((other) => ({
				pid: this.#u32(other + ownerAt.pid),
				fd: this.#u32(other + at.fd),
			})),
		};
	}

	#transport(place: number): Transport {
		return this.#view.getUint8(place + at.l4_proto) === IPPROTO_UDP ? "udp" : "tcp";
	}

	#where(place: number): Where {
		const state = tcpStateName(this.#view.getUint8(place + at.state));
		const [local, remote] = [place + at.local_address, place + at.remote_address];
		const local_address = this.#texts.address(this.#view, local);
		const local_port = this.#view.getUint16(place + at.local_port, true);
		const direction = directionName(this.#view.getUint8(place + at.direction));
		if (WITHOUT_PEER.has(state)) {
			const none = { remote_address: null, remote_port: null };
			const family = this.#texts.family(this.#view, local);
			return { family, direction, state, local_address, local_port, ...none };
		}
		return {
			family: this.#texts.family(this.#view, remote),
			...{ direction, state, local_address, local_port },
			remote_address: this.#texts.address(this.#view, remote),
			remote_port: this.#view.getUint16(place + at.remote_port, true),
		};
	}

	#who(place: number): Who {
		const pid = this.#u32(place + ownerAt.pid);
		if (pid === 0)
			return { pid: null, uid: null, process: null, cgroup_id: null, container_id: null };
		const cgroup_id = this.#texts.cgroup(this.#view, place + ownerAt.cgroupId);
		return {
			pid,
			uid: this.#u32(place + ownerAt.uid),
			process: this.#texts.process(this.#view, place + ownerAt.comm),
			cgroup_id,
			container_id:
				cgroup_id === null ? null : this.#container(cgroup_id, this.#u32(place + ownerAt.cgroupV1)),
		};
	}

	#container(cgroupId: string, cgroupV1: number): string | null {
		const key = `${cgroupId} ${cgroupV1}`;
		const known = this.#containers.get(key);
		if (known !== undefined) return known;
		const found = this.#names.containerOf(cgroupId, cgroupV1);
		this.#containers.set(key, found);
		return found;
	}

	#counters(place: number): Counters {
		if (this.#transport(place) === "udp") return NO_COUNTERS;
		const rtt = this.#u32(place + at.rtt_us);
		return {
			bytes_sent: bytesAt(this.#view, place + at.bytes_sent),
			bytes_received: bytesAt(this.#view, place + at.bytes_received),
			segments_sent: this.#u32(place + at.segments_sent),
			segments_received: this.#u32(place + at.segments_received),
			segments_retransmitted: this.#u32(place + at.segments_retransmitted),
			rtt_us: rtt === 0 ? null : rtt,
			rtt_var_us: rtt === 0 ? null : this.#u32(place + at.rtt_var_us),
			rtt_min_us: rtt === 0 ? null : this.#u32(place + at.rtt_min_us),
		};
	}

	#u32(offset: number): number {
		return this.#view.getUint32(offset, true);
	}
}
