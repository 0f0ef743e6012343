/** Ranges of ports, as filters name them. */

import { UsageError } from "../errors.ts";

/** Both ends included. */
export interface PortRange {
	readonly first: number;
	readonly last: number;
}

/**
 * "80" or "8000-8100".
 *
 * @param option the option that it comes from, for the error ("--port")
 * @throws UsageError
 */
export function parsePortRange(text: string, option: string): PortRange {
	const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
	if (match === null) throw badPorts(text, option, "is not a port or a range of ports");
	const first = Number(match[1]);
	const last = Number(match[2] ?? match[1]);
	if (first < 1 || first > 65535 || last < 1 || last > 65535) {
		throw badPorts(text, option, "is out of range: ports are 1 to 65535");
	}
	if (first > last) throw badPorts(text, option, "ends before it begins");
	return { first, last };
}

export function portInRange(range: PortRange, port: number | null): boolean {
	return port !== null && port >= range.first && port <= range.last;
}

function badPorts(text: string, option: string, why: string): UsageError {
	return new UsageError(
		`${option} ${JSON.stringify(text)} ${why}`,
		`for example: ${option} 443, ${option} 80,8000-8100, or ${option} '!22'`,
	);
}
