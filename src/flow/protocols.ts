/** Protocols above IP, by their numbers (IANA). */

const NAMES: Readonly<Record<number, string>> = {
	1: "icmp",
	2: "igmp",
	4: "ipip",
	6: "tcp",
	17: "udp",
	33: "dccp",
	41: "ipv6",
	47: "gre",
	50: "esp",
	51: "ah",
	58: "icmpv6",
	132: "sctp",
	136: "udplite",
};

/** Its number where it has no name here. */
export const protocolName = (number: number): string => NAMES[number] ?? String(number);

export const PROTOCOL_NAMES: readonly string[] = Object.values(NAMES);

/** What protocolName() says of a name or a number as text; null for what is neither. */
export function protocolNamed(text: string): string | null {
	if (PROTOCOL_NAMES.includes(text)) return text;
	return /^\d{1,3}$/.test(text) && Number(text) < 256 ? protocolName(Number(text)) : null;
}

const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 47, 132, 136]);

/** As conntrack has them: of GRE they are its keys. */
export const hasPorts = (number: number): boolean => WITH_PORTS.has(number);
