/** Sets of ports, as filters name them. */

import { UsageError } from "../errors.ts";
import { FILTER_BOUND } from "../maps/enums.ts";
import { parseAlternatives } from "./alternatives.ts";

/** Both ends included. */
export interface PortRange {
	readonly first: number;
	readonly last: number;
}

/** A bit for each port, the lowest first; port 0 stands for one that is not known. */
export type PortSet = Uint8Array;

/** The values of one option. */
export interface PortChoice {
	/** All ports, and the unknown one, where none is named. */
	readonly wanted: PortSet;
	readonly excluded: PortSet;
}

const ALL: PortRange = { first: 0, last: 65535 };

/**
 * Null where no value is given.
 *
 * @param option the option that they come from, for the error ("--port")
 * @throws UsageError
 */
export function parsePorts(values: readonly string[], option: string): PortChoice | null {
	if (values.length === 0) return null;
	const { wanted, excluded } = parseAlternatives(values, option, parsePortRange);
	return { wanted: portSet(wanted.length === 0 ? [ALL] : wanted), excluded: portSet(excluded) };
}

/** Null, where a protocol has no ports, counts as port 0, which no other has. */
export function hasPort(ports: PortSet, port: number | null): boolean {
	const bit = port ?? 0;
	return (((ports[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1;
}

/** Each port is set once, however many ranges have it. */
function portSet(ranges: readonly PortRange[]): PortSet {
	const ports = new Uint8Array(FILTER_BOUND.FILTER_PORT_BYTES);
	let next = 0;
	for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
		for (let port = Math.max(first, next); port <= last; port++) {
			ports[port >> 3] = (ports[port >> 3] ?? 0) | (1 << (port & 7));
		}
		next = Math.max(next, last + 1);
	}
	return ports;
}

function parsePortRange(text: string, option: string): PortRange {
	const range = readPortRange(text);
	if (typeof range !== "string") return range;
	throw new UsageError(
		`${option} ${JSON.stringify(text)} ${range}`,
		`for example: ${option} 443, ${option} 80,8000-8100, or ${option} '!22'`,
	);
}

/** "80" or "8000-8100"; or what is wrong with it: "ends before it begins". */
export function readPortRange(text: string): PortRange | string {
	const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
	if (match === null) return "is not a port or a range of ports";
	const first = Number(match[1]);
	const last = Number(match[2] ?? match[1]);
	if (first < 1 || first > 65535 || last < 1 || last > 65535) {
		return "is out of range: ports are 1 to 65535";
	}
	return first > last ? "ends before it begins" : { first, last };
}

/** Without these, too. */
export function withoutPorts(
	choice: PortChoice | null,
	ranges: readonly PortRange[],
): PortChoice | null {
	if (ranges.length === 0) return choice;
	const { wanted, excluded } = choice ?? { wanted: portSet([ALL]), excluded: portSet([]) };
	const more = portSet(ranges);
	return { wanted, excluded: excluded.map((byte, index) => byte | (more[index] ?? 0)) };
}
