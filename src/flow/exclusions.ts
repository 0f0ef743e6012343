/** What is left out, whatever else is wanted: rules of an address with ports and protocols. */

import { UsageError } from "../errors.ts";
import { type Cidr, readAddress, readCidr } from "./address.ts";
import { type PortRange, readPortRange } from "./ports.ts";
import { RangeIndex } from "./range-index.ts";
import type { Transport } from "./records.ts";

/** One rule. Null: any. */
export interface Exclusion {
	readonly addresses: Cidr | null;
	readonly transport: Transport | null;
	readonly ports: PortRange | null;
}

/** How the error of a wrong rule is made: `text` `why`, and what to write instead. */
type Refuse = (text: string, why: string, hint: string) => Error;

const ANY = "*";
const TRANSPORTS: ReadonlyMap<string, Transport> = new Map([
	["tcp", "tcp"],
	["udp", "udp"],
]);
const EXAMPLE = 'for example: "10.0.0.0/8", "10.0.0.1 80,8000-8100" or "* udp 53"';
/** A port, a range of them or a protocol: it belongs to the address before it. */
const NO_ADDRESS = /^(?:[\d-]+|[a-z]+)$/i;

/**
 * Each value is one rule or several with commas between, in which an address may be left out that
 * is that of the rule before: "10.0.0.0/8 80,443,* udp 53".
 *
 * @param option the option that they come from, for the error ("--exclude-remote")
 * @throws UsageError
 */
export function parseExclusions(values: readonly string[], option: string): Exclusion[] {
	const refuse: Refuse = (text, why, hint) =>
		new UsageError(`${option} ${JSON.stringify(text)} ${why}`, hint);
	return values.flatMap((value) => readExclusions(value, refuse));
}

/** One value of those; throws what `refuse` makes. */
export function readExclusions(value: string, refuse: Refuse): Exclusion[] {
	let before: string | null = null;
	return value.split(",").map((part) => {
		const words = part.trim().split(/\s+/);
		const isContinued = before !== null && words.length < 3 && NO_ADDRESS.test(words[0] ?? "");
		const [address = "", ...ports] = isContinued ? [before ?? "", ...words] : words;
		before = address;
		const rule = [address, ...ports].join(" ");
		return readRule(address, ports, (why, hint) => refuse(rule, why, hint));
	});
}

function readRule(
	address: string,
	words: readonly string[],
	refuse: (why: string, hint: string) => Error,
): Exclusion {
	if (NO_ADDRESS.test(address)) throw refuse("names no address", 'any of them is "* udp 53"');
	const addresses = address === ANY ? null : readCidr(address);
	if (typeof addresses === "string") throw refuse(addresses, EXAMPLE);
	const [transport, ports] = readPorts(words, refuse);
	if (addresses === null && transport === null && ports === null) {
		throw refuse("leaves nothing", 'name a port or a protocol: "* 53", "* udp 53", "* udp *"');
	}
	return { addresses, transport, ports };
}

/** Nothing, "*", "80", "8000-8100", "udp 53" or "tcp *". */
function readPorts(
	words: readonly string[],
	refuse: (why: string, hint: string) => Error,
): readonly [Transport | null, PortRange | null] {
	const [first = ANY, second, ...more] = words;
	if (more.length > 0) throw refuse("has too many words", EXAMPLE);
	if (second === undefined && TRANSPORTS.has(first.toLowerCase())) {
		throw refuse("names no port", `write "${first} *" for all of them`);
	}
	if (second !== undefined && TRANSPORTS.has(second.toLowerCase())) {
		throw refuse("has its protocol at the end", `write it before the port: "${second} ${first}"`);
	}
	const transport = second === undefined ? null : TRANSPORTS.get(first.toLowerCase());
	if (transport === undefined) {
		throw refuse(`is for a protocol that is neither tcp nor udp`, EXAMPLE);
	}
	const text = second ?? first;
	const ports = text === ANY ? null : readPortRange(text);
	if (typeof ports !== "string") return [transport, ports];
	throw refuse(`has a wrong port: it ${ports}`, EXAMPLE);
}

/** Whether one of the rules is about this end of a connection. */
export type ExclusionTest = (
	transport: Transport,
	address: string | null,
	port: number | null,
) => boolean;

/** A port that is not known is none. Takes as long for many ranges of addresses as for few. */
export function exclusionTest(rules: readonly Exclusion[]): ExclusionTest {
	const ofAny = rules.filter(({ addresses }) => addresses === null);
	const byRange = new RangeIndex<Exclusion>();
	for (const rule of rules) if (rule.addresses !== null) byRange.add(rule.addresses, rule);
	return (transport, address, port) => {
		const isAbout = (rule: Exclusion): boolean => isAboutPort(rule, transport, port);
		if (ofAny.some(isAbout)) return true;
		if (byRange.isEmpty) return false;
		const read = readAddress(address);
		return read !== null && byRange.some(read, isAbout);
	};
}

function isAboutPort(rule: Exclusion, transport: Transport, port: number | null): boolean {
	if (rule.transport !== null && rule.transport !== transport) return false;
	const { ports } = rule;
	return ports === null || (port !== null && ports.first <= port && port <= ports.last);
}

/** What of the rules ports alone decide, where no other transport than `transport` is wanted. */
export function portsOfAnyAddress(
	rules: readonly Exclusion[],
	transport: Transport | null,
): PortRange[] {
	return rules.flatMap((rule) => {
		const isAnyTransport = rule.transport === null || rule.transport === transport;
		return rule.addresses === null && isAnyTransport && rule.ports !== null ? [rule.ports] : [];
	});
}
