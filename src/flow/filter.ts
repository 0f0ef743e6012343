/** Which flows are wanted: the filter options of the command line, compiled to one test. */

import { type Cidr, parseCidr, readAddress } from "./address.ts";
import { parseAlternatives } from "./alternatives.ts";
import { type Exclusion, exclusionTest, parseExclusions, portsOfAnyAddress } from "./exclusions.ts";
import { type KernelFilter, kernelFilter, type PortChoices } from "./kernel-filter.ts";
import { hasPort, type PortChoice, parsePorts, withoutPorts } from "./ports.ts";
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
	/**
	 * What is left out, whatever else is wanted, by the address and port of this side: "10.0.0.0/8",
	 * "10.0.0.1 80,8000-8100", "2001:db8::1 tcp 22", "* udp 53". A bare address is that one alone.
	 */
	readonly excludeLocal: readonly string[];
	/** By those of the other side, likewise. */
	readonly excludeRemote: readonly string[];
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
	...{ excludeLocal: [], excludeRemote: [], family: null, transport: null, direction: null },
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
	/**
	 * Now it lets everything through, and need not be asked.
	 *
	 * @internal
	 */
	readonly isOpen?: boolean;
	/**
	 * What of it is left to the kernel: it drops nothing that `matches`, but not all of the rest.
	 *
	 * @internal
	 */
	readonly kernel: KernelFilter;
}

type Test = (subject: FilterSubject) => boolean;

/** The kernel keeps this much of a process name (TASK_COMM_LEN without its zero). */
const NAME_BYTES = 15;
const CONTAINER_PREFIX = /^[0-9a-f]{12,}$/;

/**
 * For the `filter` option of a tracer or a list. Null where nothing is filtered.
 *
 * @throws UsageError for an address, a port or an exclusion that is none
 */
export function compileFilter(partial: Partial<FilterOptions>): FlowFilter | null {
	const options = { ...ANY, ...partial };
	const ports: PortChoices = {
		local: parsePorts(options.localPorts, "--local-port"),
		remote: parsePorts(options.remotePorts, "--remote-port"),
		either: parsePorts(options.ports, "--port"),
	};
	const local = parseExclusions(options.excludeLocal, "--exclude-local");
	const remote = parseExclusions(options.excludeRemote, "--exclude-remote");
	const tests = [
		...identityTests(options),
		...addressTests(options.local, "--local", (subject) => subject.local_address),
		...addressTests(options.remote, "--remote", (subject) => subject.remote_address),
		...portTests(ports),
		...exclusionTests(local, (subject) => [subject.local_address, subject.local_port]),
		...exclusionTests(remote, (subject) => [subject.remote_address, subject.remote_port]),
	];
	if (tests.length === 0) return null;
	return {
		needs: {
			ports:
				Object.values(ports).some((choice) => choice !== null) ||
				[...local, ...remote].some((rule) => rule.ports !== null),
			pid: options.pids.length > 0,
			uid: options.uids.length > 0,
		},
		matches: (subject) => tests.every((test) => test(subject)),
		kernel: kernelFilter(options, {
			...ports,
			local: withoutPorts(ports.local, portsOfAnyAddress(local, options.transport)),
			remote: withoutPorts(ports.remote, portsOfAnyAddress(remote, options.transport)),
		}),
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

/** No test where no value was given. */
function among<T>(wanted: readonly T[], of: (subject: FilterSubject) => T | null): Test[] {
	if (wanted.length === 0) return [];
	const set = new Set<T | null>(wanted);
	return [(subject) => set.has(of(subject))];
}

/** Any of the plain ones where there are any, and none of the excluded ones. */
function addressTests(
	values: readonly string[],
	option: string,
	addressOf: (subject: FilterSubject) => string | null,
): Test[] {
	if (values.length === 0) return [];
	const { wanted, excluded } = parseAlternatives(values, option, parseCidr);
	return [
		(subject) => {
			const address = readAddress(addressOf(subject));
			const isIn = (range: Cidr): boolean => address !== null && range.contains(address);
			return (wanted.length === 0 || wanted.some(isIn)) && !excluded.some(isIn);
		},
	];
}

function portTests({ local, remote, either }: PortChoices): Test[] {
	const tests: Test[] = [];
	const leaves = ({ wanted, excluded }: PortChoice, port: number | null): boolean =>
		hasPort(wanted, port) && !hasPort(excluded, port);
	if (local !== null) tests.push((subject) => leaves(local, subject.local_port));
	if (remote !== null) tests.push((subject) => leaves(remote, subject.remote_port));
	if (either !== null) {
		const { wanted, excluded } = either;
		tests.push(
			({ local_port, remote_port }) =>
				(hasPort(wanted, local_port) || hasPort(wanted, remote_port)) &&
				!hasPort(excluded, local_port) &&
				!hasPort(excluded, remote_port),
		);
	}
	return tests;
}

function exclusionTests(
	rules: readonly Exclusion[],
	endOf: (subject: FilterSubject) => readonly [address: string | null, port: number | null],
): Test[] {
	if (rules.length === 0) return [];
	const isExcluded = exclusionTest(rules);
	return [(subject) => !isExcluded(subject.transport, ...endOf(subject))];
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
