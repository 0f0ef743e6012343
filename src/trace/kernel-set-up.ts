/** What a run's options change in the BPF object before it is loaded. */

import { type V1Controller, v1Hierarchy } from "../enrich/cgroups.ts";
import { ownPidNamespace } from "../enrich/pid-namespace.ts";
import { mounts } from "../enrich/procfs.ts";
import type { OpenObject } from "../ffi/object.ts";
import type { FlowFilter } from "../flow/filter.ts";
import type { Transport } from "../flow/records.ts";
import { V1_CONTROLLER } from "../maps/enums.ts";
import { filter, host, settings } from "../maps/structs.ts";
import { EVERYTHING, eventTables, type Plan, programsOf, type Ways } from "./plan.ts";

export interface KernelSideOptions {
	/** What is traced; programs for other transports are not loaded. */
	readonly transports: readonly Transport[];
	/** How the features that have several ways are hooked. */
	readonly ways: Ways;
	/** FLOW_KEY_PART, or-ed together. */
	readonly keyParts: number;
	/** 1 << EVENT_TYPE, or-ed together; 0 for flows. */
	readonly eventTypes: number;
	/** What it leaves to the kernel is dropped there. */
	readonly filter: FlowFilter | null;
	/** Of the ring buffer: a power of two, and at least a page. */
	readonly bufferBytes: number;
	/** Of each transport. */
	readonly maxConnections: number;
	readonly maxFlows: number;
	/** Milliseconds without a datagram after which a UDP connection is over. */
	readonly udpTimeoutMs: number;
	/** The same, once both sides have spoken. */
	readonly udpStreamTimeoutMs: number;
	/** Of open connections, in one part of a walk that shows them. Default: those of plan.ts. */
	readonly shownRows?: number;
	readonly btfPath: string | null;
	readonly libbpfPath: string | null;
}

const NS_PER_MS = 1_000_000;
const V1_CONTROLLER_OF: Readonly<Record<V1Controller, number>> = {
	memory: V1_CONTROLLER.V1_MEMORY,
	pids: V1_CONTROLLER.V1_PIDS,
	cpu: V1_CONTROLLER.V1_CPU,
	devices: V1_CONTROLLER.V1_DEVICES,
	freezer: V1_CONTROLLER.V1_FREEZER,
	cpuset: V1_CONTROLLER.V1_CPUSET,
	blkio: V1_CONTROLLER.V1_BLKIO,
};

/** Sizes, constants, and what is not loaded. */
export function setUp(object: OpenObject, options: KernelSideOptions, plan: Plan): void {
	const wanted = new Set(programsOf(plan));
	for (const name of EVERYTHING) if (!wanted.has(name)) object.leaveOut(name);
	const { tcp, udp } = sizesOf(options);
	object.resizeMap("conns", tcp);
	for (const name of ["udp_conns", "udp_sockets"]) object.resizeMap(name, udp);
	object.resizeMap("events", options.bufferBytes);
	for (const [name, size] of eventTables(options.eventTypes)) object.resizeMap(name, size);
	if (options.shownRows !== undefined) object.resizeMap("shown", options.shownRows);
	// One more: flows[0] is for what finds no slot.
	for (const name of ["flows", "flow_slots", "free_slots"])
		object.resizeMap(name, options.maxFlows + 1);
	object.setConstants(
		".rodata.settings",
		settings.encode({
			flow_key_parts: options.keyParts,
			event_types: options.eventTypes,
			accept_hooked: options.ways.accept === "tracepoint" ? 0 : 1,
			never: 0,
			udp_timeout_ns: options.udpTimeoutMs * NS_PER_MS,
			udp_stream_timeout_ns: options.udpStreamTimeoutMs * NS_PER_MS,
		}),
	);
	setHost(object);
	if (options.filter !== null)
		object.setConstants(".rodata.filter", filter.encode(options.filter.kernel));
}

/** What the kernel side must know to call a process by its name here. */
export function setHost(object: OpenObject): void {
	const { controller } = v1Hierarchy(mounts()) ?? { controller: null };
	const v1_controller = controller === null ? V1_CONTROLLER.V1_NONE : V1_CONTROLLER_OF[controller];
	object.setConstants(
		".rodata.host",
		host.encode({ pid_namespace: ownPidNamespace(), v1_controller, own_pid: process.pid }),
	);
}

/** A map that no program uses is made all the same. */
function sizesOf({ transports, maxConnections }: KernelSideOptions): Record<Transport, number> {
	const size = (transport: Transport): number =>
		transports.includes(transport) ? maxConnections : 1;
	return { tcp: size("tcp"), udp: size("udp") };
}

/** Whether it depends on whose a connection is. */
export function asksOwner(filter: FlowFilter | null): boolean {
	if (filter === null) return false;
	const { pid_count, uid_count, cgroup_id_count } = filter.kernel;
	return pid_count + uid_count + cgroup_id_count > 0;
}
