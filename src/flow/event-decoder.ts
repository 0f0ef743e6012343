/** From `struct event`, in place, to the record of an event. */

import { readU64 } from "../maps/codec.ts";
import { DIRECTION } from "../maps/enums.ts";
import { event } from "../maps/structs.ts";
import type { Refinements } from "./acceptors.ts";
import type { ClockHistory } from "./clock-history.ts";
import type { RemoteNames } from "./event-remote-names.ts";
import {
	attributionName,
	bytesAt,
	closeReasonName,
	directionName,
	eventName,
	tcpStateName,
} from "./kernel-names.ts";
import { RecordTexts } from "./record-texts.ts";
import type { ContainerOf, EventName, EventRecord } from "./records.ts";
import { WallClock } from "./wall-clock.ts";

/** What the kernel's numbers are called, and what else is known of a process. */
export interface EventNames {
	readonly clocks: ClockHistory;
	readonly errnoName: (errno: number) => string;
	readonly containerOf: ContainerOf;
	/** By the id of an Image; null where it is not known (any more). */
	readonly processOf: (image: number) => {
		readonly executable: string | null;
		readonly commandLine: string | null;
	};
}

/** What ends something, and so has a duration. */
const isEnd = (name: EventName): boolean => name === "close" || name === "unlisten";

type Endpoints = Pick<
	EventRecord,
	"family" | "local_address" | "local_port" | "remote_address" | "remote_port"
>;
type Owner = Pick<
	EventRecord,
	| "pid"
	| "tid"
	| "process"
	| "executable"
	| "command_line"
	| "uid"
	| "netns"
	| "cgroup_id"
	| "container_id"
	| "attribution"
>;
type Counters = Pick<
	EventRecord,
	| "bytes_sent"
	| "bytes_received"
	| "segments_sent"
	| "segments_received"
	| "segments_retransmitted"
	| "rtt_us"
	| "rtt_var_us"
	| "rtt_min_us"
>;

const NS_PER_US = 1000;
const NS_PER_MS = 1_000_000;
const at = event.offsets;

/** 0 stands for "not known" in the kernel's record. */
const orNull = (value: number): number | null => (value === 0 ? null : value);

/** Events where they lie. */
export interface RawEvents {
	readonly view: DataView;
	/** Of each `struct event`, in the order of time; `count` of them. */
	readonly offsets: Int32Array;
	readonly count: number;
	/** Whose some of them are, better than they say themselves. */
	readonly refined: Refinements;
	readonly remoteNames: RemoteNames;
	readonly names: EventNames;
}

export class EventDecoder {
	readonly #view: DataView;
	readonly #names: EventNames;
	readonly #texts = new RecordTexts();
	readonly #clocks: ClockHistory;
	// Each is quick as long as it is asked for one second.
	readonly #clock: WallClock;
	readonly #openedClock: WallClock;

	/** `view` holds the records; it must stay valid as long as this is used. */
	constructor(view: DataView, names: EventNames) {
		this.#view = view;
		this.#names = names;
		this.#clocks = names.clocks;
		this.#clock = new WallClock(names.clocks);
		this.#openedClock = new WallClock(names.clocks);
	}

	/** When the event at `offset` was: a moment of `clocks`. */
	since(offset: number): number {
		return this.#clocks.since(this.#view, offset + at.time_ns);
	}

	decode(offset: number): EventRecord {
		const { errnoName } = this.#names;
		const time = this.since(offset);
		const opened = this.#moment(offset + at.opened_ns);
		const name = eventName(this.#u8(offset + at.type));
		const error = this.#u32(offset + at.error);
		return {
			type: "event",
			time: this.#clock.text(time),
			cpu: this.#view.getUint16(offset + at.cpu, true),
			event: name,
			error: error === 0 ? null : errnoName(error),
			close_reason: closeReasonName(this.#u8(offset + at.close_reason)),
			id: String(this.#u64(offset + at.id)),
			transport: "tcp",
			direction: directionName(this.#u8(offset + at.direction)),
			state: tcpStateName(this.#u8(offset + at.state)),
			...this.#endpoints(offset, name === "listen" || name === "unlisten"),
			...this.#owner(offset),
			opened: opened === null ? null : this.#openedClock.text(opened),
			preexisting: this.#u8(offset + at.preexisting) !== 0,
			duration_ms: isEnd(name) && opened !== null ? this.#between(opened, time) / NS_PER_MS : null,
			...this.#counters(offset),
			connect_latency_us: this.#latency(offset, opened),
			nat: null,
			remote_name: null,
		};
	}

	#endpoints(offset: number, isListener: boolean): Endpoints {
		const [local, remote] = [offset + at.local_address, offset + at.remote_address];
		return {
			family: this.#texts.family(this.#view, isListener ? local : remote),
			local_address: this.#texts.address(this.#view, local),
			local_port: this.#view.getUint16(offset + at.local_port, true),
			remote_address: isListener ? null : this.#texts.address(this.#view, remote),
			remote_port: isListener ? null : this.#view.getUint16(offset + at.remote_port, true),
		};
	}

	#owner(offset: number): Owner {
		const pid = orNull(this.#u32(offset + at.pid));
		const cgroupId = this.#texts.cgroup(this.#view, offset + at.cgroup_id);
		const process = this.#texts.process(this.#view, offset + at.comm);
		const image = orNull(this.#u32(offset + at.image));
		const details = image === null ? null : this.#names.processOf(image);
		const attribution = attributionName(this.#u8(offset + at.attribution));
		return {
			pid,
			tid: orNull(this.#u32(offset + at.tid)),
			process,
			executable: details?.executable ?? null,
			command_line: details?.commandLine ?? null,
			uid: attribution === null ? null : this.#u32(offset + at.uid),
			netns: this.#u32(offset + at.netns),
			cgroup_id: cgroupId,
			container_id: cgroupId === null ? null : this.#containerOf(cgroupId, offset),
			attribution,
		};
	}

	#containerOf(cgroupId: string, offset: number): string | null {
		return this.#names.containerOf(cgroupId, this.#u32(offset + at.cgroup_v1));
	}

	#counters(offset: number): Counters {
		const rtt = orNull(this.#u32(offset + at.rtt_us));
		return {
			bytes_sent: bytesAt(this.#view, offset + at.bytes_sent),
			bytes_received: bytesAt(this.#view, offset + at.bytes_received),
			segments_sent: this.#u32(offset + at.segments_sent),
			segments_received: this.#u32(offset + at.segments_received),
			segments_retransmitted: this.#u32(offset + at.segments_retransmitted),
			rtt_us: rtt,
			rtt_var_us: rtt === null ? null : this.#u32(offset + at.rtt_var_us),
			rtt_min_us: rtt === null ? null : this.#u32(offset + at.rtt_min_us),
		};
	}

	#latency(offset: number, opened: number | null): number | null {
		const established = this.#moment(offset + at.established_ns);
		const isActive = this.#u8(offset + at.direction) === DIRECTION.DIRECTION_ACTIVE;
		if (!isActive || opened === null || established === null) return null;
		return this.#between(opened, established) / NS_PER_US;
	}

	#between(from: number, to: number): number {
		return this.#clocks.durationNs(from, to);
	}

	/** Null where it is not known. */
	#moment(offset: number): number | null {
		return this.#u64(offset) === 0 ? null : this.#clocks.since(this.#view, offset);
	}

	#u8(offset: number): number {
		return this.#view.getUint8(offset);
	}

	#u32(offset: number): number {
		return this.#view.getUint32(offset, true);
	}

	#u64(offset: number): number {
		return readU64(this.#view, offset);
	}
}
