/** Ports that are looked at, as spans. */

import { UsageError } from "../errors.ts";
import { MOST_SPANS } from "../maps/packet-filter.ts";
import { hasPort, parsePorts } from "./ports.ts";

const MOST_PORT = 65_535;

/** Both ends included. */
export interface PortSpan {
	readonly first: number;
	readonly last: number;
}

/**
 * What an option says, as few spans: "53,8000-8100", "!5353".
 *
 * @param option for the error
 * @throws UsageError for ports that are none, where none is left, or the filter of the kernel has no room for them
 */
export function parsePortSpans(values: readonly string[], option = "--port"): PortSpan[] {
	const choice = parsePorts(values, option);
	if (choice === null) return [];
	const { wanted, excluded } = choice;
	const spans: PortSpan[] = [];
	let first = 0;
	for (let port = 1; port <= MOST_PORT + 1; port++) {
		const isIn = port <= MOST_PORT && hasPort(wanted, port) && !hasPort(excluded, port);
		if (isIn && first === 0) first = port;
		if (isIn || first === 0) continue;
		spans.push({ first, last: port - 1 });
		first = 0;
	}
	if (spans.length === 0)
		throw new UsageError(`${option} leaves no port`, `for example: ${option} 53,5353`);
	if (spans.length <= MOST_SPANS) return spans;
	throw new UsageError(
		`${option} has ${spans.length} spans of ports, and the kernel's filter has room for ${MOST_SPANS}`,
		`join some of them: ${option} 8000-8100`,
	);
}

/** Whether one of them has this port. */
export const isInSpans = (spans: readonly PortSpan[], port: number): boolean =>
	spans.some(({ first, last }) => first <= port && port <= last);
