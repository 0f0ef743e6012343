/**
 * The part of a filter that the kernel side decides (bpf/wanted.h): it may leave out more and so
 * let too much pass, but never drops what the whole filter would keep.
 */

import type { StructCodec } from "../maps/codec.ts";
import { DIRECTION, FILTER_BOUND, FILTER_PORTS } from "../maps/enums.ts";
import { filter } from "../maps/structs.ts";
import type { FilterOptions } from "./filter.ts";
import type { PortChoice, PortSet } from "./ports.ts";

/** `struct filter` of bpf/conntracer.h. */
export type KernelFilter = typeof filter extends StructCodec<infer T> ? Readonly<T> : never;

/** The port options, parsed; null where none of their values is given. */
export interface PortChoices {
	readonly local: PortChoice | null;
	readonly remote: PortChoice | null;
	readonly either: PortChoice | null;
}

const FAMILIES = { ipv4: 2, ipv6: 10 } as const; // AF_INET, AF_INET6
const PROTOCOLS = { tcp: 6, udp: 17 } as const; // IPPROTO_TCP, IPPROTO_UDP
const DIRECTIONS = {
	active: DIRECTION.DIRECTION_ACTIVE,
	passive: DIRECTION.DIRECTION_PASSIVE,
} as const;

/** Of the options that it does not read, user space alone decides. */
export function kernelFilter(options: FilterOptions, ports: PortChoices): KernelFilter {
	const cgroupIds = bounded(options.cgroupIds.map(cgroupNumber), isU64);
	const [pids, uids, netns] = [options.pids, options.uids, options.netns].map((values) =>
		bounded(values, isU32),
	) as [number[], number[], number[]];
	const { family, transport, direction } = options;
	const kernel = {
		cgroup_ids: padded(cgroupIds, 0n),
		pids: padded(pids, 0),
		uids: padded(uids, 0),
		netns: padded(netns, 0),
		cgroup_id_count: cgroupIds.length,
		pid_count: pids.length,
		uid_count: uids.length,
		netns_count: netns.length,
		is_set: 0,
		family: family === null ? 0 : FAMILIES[family],
		l4_proto: transport === null ? 0 : PROTOCOLS[transport],
		direction: direction === null ? 0 : DIRECTIONS[direction],
		pad: new Uint8Array(3),
		...portFields(ports),
	};
	const isSet = filter.encode(kernel).some((byte) => byte !== 0);
	return { ...kernel, is_set: isSet ? 1 : 0 };
}

function portFields({ local, remote, either }: PortChoices) {
	return {
		ports:
			(local === null ? 0 : FILTER_PORTS.FILTER_LOCAL) |
			(remote === null ? 0 : FILTER_PORTS.FILTER_REMOTE) |
			(either === null ? 0 : FILTER_PORTS.FILTER_EITHER),
		local_ports: local === null ? noPorts() : passing(local.wanted, local.excluded),
		remote_ports: remote === null ? noPorts() : passing(remote.wanted, remote.excluded),
		either_ports: either === null ? noPorts() : passing(either.wanted, noPorts()),
		excluded_ports: either === null ? noPorts() : either.excluded,
	};
}

const noPorts = (): PortSet => new Uint8Array(FILTER_BOUND.FILTER_PORT_BYTES);

/** A port that is not known yet passes. */
function passing(wanted: PortSet, excluded: PortSet): PortSet {
	const ports = wanted.map((byte, index) => byte & ~(excluded[index] ?? 0));
	ports[0] = (ports[0] ?? 0) | 1;
	return ports;
}

/** None, which is any, where there are more than fit, or one that the kernel cannot have. */
function bounded<T>(values: readonly (T | null)[], isValid: (value: T | null) => value is T): T[] {
	const distinct = [...new Set(values)];
	const valid = distinct.filter(isValid);
	return valid.length === distinct.length && valid.length <= FILTER_BOUND.FILTER_VALUES
		? valid
		: [];
}

function padded<T>(values: readonly T[], zero: T): T[] {
	return Array.from({ length: FILTER_BOUND.FILTER_VALUES }, (_, index) => values[index] ?? zero);
}

function cgroupNumber(id: string): bigint | null {
	return /^\d{1,20}$/.test(id) ? BigInt(id) : null;
}

function isU32(value: number | null): value is number {
	return value !== null && Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}

function isU64(value: bigint | null): value is bigint {
	return value !== null && value < 1n << 64n;
}
