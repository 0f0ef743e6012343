/** Which flows are wanted: the filter options of the command line, compiled to one test. */

import { parseCidr } from "./address.ts";
import { parsePortRange, portInRange } from "./ports.ts";
import type { Direction, Family, FlowIdentity, Transport } from "./records.ts";

/**
 * The values of one option are alternatives; different options must all agree. In `local`, `remote`
 * and the port options a value may be a comma list, and `!` in front of it excludes.
 */
export interface FilterOptions {
	/** Process ids, as the first pid namespace has them. */
	readonly pids: readonly number[];
	/** User ids. */
	readonly uids: readonly number[];
	/** Names of processes, whole; what is longer than 15 bytes is cut, as the kernel does. */
	readonly processes: readonly string[];
	/** cgroup v2 ids in decimal. */
	readonly cgroupIds: readonly string[];
	/** Whole ids, or at least 12 hexadecimal digits from the front of one. */
	readonly containers: readonly string[];
	/** Inode numbers of network namespaces. */
	readonly netns: readonly number[];
	/** Addresses or CIDR ranges of this side: "10.0.0.0/8", "2001:db8::1", "!127.0.0.0/8". */
	readonly local: readonly string[];
	/** Of the other side, likewise. */
	readonly remote: readonly string[];
	/** Ports or ranges of this side: "443", "8000-8100", "!22". */
	readonly localPorts: readonly string[];
	/** Of the other side, likewise. */
	readonly remotePorts: readonly string[];
	/** Either end. */
	readonly ports: readonly string[];
	/** Null: both. */
	readonly family: Family | null;
	/** Null: both. */
	readonly transport: Transport | null;
	/** Null: both, and those of which it is not known. */
	readonly direction: Exclude<Direction, null> | null;
}

const ANY: FilterOptions = {
	...{ pids: [], uids: [], processes: [], cgroupIds: [], containers: [], netns: [] },
	...{ local: [], remote: [], localPorts: [], remotePorts: [], ports: [] },
	...{ family: null, transport: null, direction: null },
};

/** What a filter looks at. */
export interface FilterSubject extends FlowIdentity {
	readonly pid: number | null;
	readonly uid: number | null;
}

/** Which flows or connections are wanted; compileFilter() makes it. */
export interface FlowFilter {
	/** What the kernel must keep apart in the key of a flow, and would otherwise add up. */
	readonly needs: { readonly ports: boolean; readonly pid: boolean; readonly uid: boolean };
	/** True where all of its options agree. */
	matches(subject: FilterSubject): boolean;
}

type Test = (subject: FilterSubject) => boolean;

/** The kernel keeps this much of a process name (TASK_COMM_LEN without its zero). */
const NAME_BYTES = 15;
const CONTAINER_PREFIX = /^[0-9a-f]{12,}$/;

/**
 * For the `filter` option of a tracer or a list. Null where nothing is filtered.
 *
 * @throws UsageError for an address or a port that is none
 */
export function compileFilter(partial: Partial<FilterOptions>): FlowFilter | null {
	const options = { ...ANY, ...partial };
	const tests = [...identityTests(options), ...endpointTests(options)];
	if (tests.length === 0) return null;
	return {
		needs: {
			ports: [options.localPorts, options.remotePorts, options.ports].some((p) => p.length > 0),
			pid: options.pids.length > 0,
			uid: options.uids.length > 0,
		},
		matches: (subject) => tests.every((test) => test(subject)),
	};
}

function identityTests(options: FilterOptions): Test[] {
	const { family, transport, direction } = options;
	const containers = options.containers.map(containerTest);
	return [
		...among(options.pids, (subject) => subject.pid),
		...among(options.uids, (subject) => subject.uid),
		...among(options.processes.map(kernelName), (subject) => subject.process),
		...among(options.cgroupIds, (subject) => subject.cgroup_id),
		...among(options.netns, (subject) => subject.netns),
		...among(family === null ? [] : [family], (subject) => subject.family),
		...among(transport === null ? [] : [transport], (subject) => subject.transport),
		...among(direction === null ? [] : [direction], (subject) => subject.direction),
		...(containers.length === 0
			? []
			: [({ container_id: id }: FilterSubject) => id !== null && containers.some((c) => c(id))]),
	];
}

function endpointTests(options: FilterOptions): Test[] {
	const { local, remote, localPorts, remotePorts, ports } = options;
	return [
		...alternatives(local, "--local", parseCidr, (range, subject) =>
			range.contains(subject.local_address),
		),
		...alternatives(
			remote,
			"--remote",
			parseCidr,
			(range, { remote_address }) => remote_address !== null && range.contains(remote_address),
		),
		...alternatives(localPorts, "--local-port", parsePortRange, (range, subject) =>
			portInRange(range, subject.local_port),
		),
		...alternatives(remotePorts, "--remote-port", parsePortRange, (range, subject) =>
			portInRange(range, subject.remote_port),
		),
		...alternatives(
			ports,
			"--port",
			parsePortRange,
			(range, subject) =>
				portInRange(range, subject.local_port) || portInRange(range, subject.remote_port),
		),
	];
}

/** No test where no value was given. */
function among<T>(wanted: readonly T[], of: (subject: FilterSubject) => T | null): Test[] {
	if (wanted.length === 0) return [];
	const set = new Set<T | null>(wanted);
	return [(subject) => set.has(of(subject))];
}

/** Any of the plain ones where there are any, and none of the excluded ones. */
function alternatives<T>(
	values: readonly string[],
	option: string,
	parse: (text: string, option: string) => T,
	hits: (item: T, subject: FilterSubject) => boolean,
): Test[] {
	if (values.length === 0) return [];
	const wanted: T[] = [];
	const excluded: T[] = [];
	for (const value of values) {
		const isExclusion = value.startsWith("!");
		for (const part of value.split(",")) {
			const text = part.trim();
			const isExcluded = text.startsWith("!");
			const item = parse(isExcluded ? text.slice(1) : text, option);
			(isExclusion || isExcluded ? excluded : wanted).push(item);
		}
	}
	return [
		(subject) =>
			(wanted.length === 0 || wanted.some((item) => hits(item, subject))) &&
			!excluded.some((item) => hits(item, subject)),
	];
}

/** What the kernel makes of a name: a character cut in two becomes U+FFFD on both sides. */
function kernelName(name: string): string {
	return new TextDecoder().decode(new TextEncoder().encode(name).subarray(0, NAME_BYTES));
}

function containerTest(wanted: string): (id: string) => boolean {
	const prefix = wanted.toLowerCase();
	const isPrefix = CONTAINER_PREFIX.test(prefix);
	return (id) => id === wanted || (isPrefix && id.startsWith(prefix));
}
