/** From the kernel's key of a flow to what a flow is called in a record. */

import type { StructCodec } from "../maps/codec.ts";
import { FLOW_KEY_PART } from "../maps/enums.ts";
import type { flowKey } from "../maps/structs.ts";
import { addressText, familyOf } from "./address.ts";
import { commText } from "./comm.ts";
import type { FilterSubject, FlowFilter } from "./filter.ts";
import { directionName } from "./kernel-names.ts";
import type {
	Aggregate,
	ConnectionFields,
	ContainerOf,
	Direction,
	FlowIdentity,
} from "./records.ts";

type RawFlowKey = typeof flowKey extends StructCodec<infer T> ? T : never;

const IPPROTO_UDP = 17;

/** What a filter looks at, and what stands in the record of the flow. */
export interface FlowSubject extends FilterSubject {
	readonly identity: FlowIdentity;
}

/** What the kernel must keep apart in a flow's key. */
export function keyPartsFor(options: {
	readonly aggregate: Aggregate;
	readonly filter: FlowFilter | null;
	readonly byOwner?: boolean;
}): number {
	const { aggregate, filter, byOwner = false } = options;
	return (
		(aggregate === "service" && filter === null ? 0 : FLOW_KEY_PART.KEY_PROCESS) |
		(aggregate === "connection" || filter?.needs.ports ? FLOW_KEY_PART.KEY_PORTS : 0) |
		(byOwner || filter?.needs.pid ? FLOW_KEY_PART.KEY_PID : 0) |
		(byOwner || filter?.needs.uid ? FLOW_KEY_PART.KEY_UID : 0)
	);
}

function listenPort(key: RawFlowKey, direction: Direction): number | null {
	if (direction === null) return null;
	return portOf(direction === "active" ? key.remote_port : key.local_port);
}

const NO_UID = 2 ** 32 - 1;

/** What the kernel says of an owner, or does not know. */
export const pidOf = (pid: number): number | null => (pid === 0 ? null : pid);
export const uidOf = (uid: number): number | null => (uid === NO_UID ? null : uid);

/** The kernel leaves a port out as 0, which no connection has. */
function portOf(port: number): number | null {
	return port === 0 ? null : port;
}

export function subjectFrom(
	key: RawFlowKey,
	options: {
		readonly aggregate: Aggregate;
		readonly containerOf: ContainerOf;
	},
): FlowSubject {
	const direction = directionName(key.direction);
	// A kernel address of 0 stands for "no cgroup known".
	const cgroupId = key.cgroup_id === 0n ? null : String(key.cgroup_id);
	const isKnown = key.remote_address.some((byte) => byte !== 0);
	const full: FlowIdentity = {
		transport: key.l4_proto === IPPROTO_UDP ? "udp" : "tcp",
		family: familyOf(isKnown ? key.remote_address : key.local_address),
		direction,
		local_address: addressText(key.local_address),
		remote_address: isKnown ? addressText(key.remote_address) : null,
		local_port: portOf(key.local_port),
		remote_port: portOf(key.remote_port),
		listen_port: listenPort(key, direction),
		process: commText(key.comm),
		netns: key.netns,
		cgroup_id: cgroupId,
		container_id: cgroupId === null ? null : options.containerOf(cgroupId, key.cgroup_v1),
	};
	return {
		...full,
		pid: pidOf(key.pid),
		uid: uidOf(key.uid),
		identity: identityFor(full, options.aggregate),
	};
}

type Identified = Pick<
	ConnectionFields,
	Exclude<keyof FlowIdentity, "listen_port"> | "pid" | "uid"
>;

/** Of a single connection, as a filter looks at it, and as part of a flow. */
export function subjectOfConnection(of: Identified, aggregate: Aggregate): FlowSubject {
	const { direction, local_port, remote_port, pid, uid } = of;
	const listening = direction === "active" ? remote_port : local_port;
	const full: FlowIdentity = {
		...{ transport: of.transport, family: of.family, direction },
		...{ local_address: of.local_address, remote_address: of.remote_address },
		...{ local_port, remote_port, listen_port: direction === null ? null : listening },
		...{ process: of.process, netns: of.netns },
		...{ cgroup_id: of.cgroup_id, container_id: of.container_id },
	};
	return { ...full, pid, uid, identity: identityFor(full, aggregate) };
}

/** Drops what the filter looked at but the aggregate adds up. */
function identityFor(full: FlowIdentity, aggregate: Aggregate): FlowIdentity {
	if (aggregate === "connection") return full;
	const listener = {
		...full,
		local_port: full.direction === "active" ? null : full.local_port,
		remote_port: full.direction === "passive" ? null : full.remote_port,
	};
	return aggregate === "process"
		? listener
		: { ...listener, process: null, cgroup_id: null, container_id: null };
}

/** Equal for two subjects that belong in one row. */
export function recordKey({ identity, pid, uid }: FlowSubject, byOwner: boolean): string {
	return JSON.stringify([...Object.values(identity), ...(byOwner ? [pid, uid] : [])]);
}
