/** The one table of what exclusions leave out, and of what is no exclusion. */

import type { FilterOptions } from "../../src/flow/filter.ts";
import type { CaseSubject, Verdict } from "./filter-cases.ts";

type Rules = Partial<Pick<FilterOptions, "excludeLocal" | "excludeRemote" | "transport">>;
type Ends = Partial<CaseSubject>;

const remote = (...excludeRemote: string[]): Rules => ({ excludeRemote });
const local = (...excludeLocal: string[]): Rules => ({ excludeLocal });
const to = (remote_address: string | null, remote_port: number | null, more: Ends = {}): Ends => ({
	...{ remote_address, remote_port, family: remote_address?.includes(":") ? "ipv6" : "ipv4" },
	...more,
});
const from = (local_address: string, local_port: number | null, more: Ends = {}): Ends => ({
	...{ local_address, local_port, family: local_address.includes(":") ? "ipv6" : "ipv4" },
	...{ remote_address: local_address, ...more },
});
const UDP = { transport: "udp" } as const;

/** "dropped": ports alone decide, and the kernel knows them. "left": user space decides. */
export const EXCLUSION_CASES: [Rules, Ends, Verdict][] = [
	// ShouldSkipBlacklistedConnection: ports of one address, for both protocols.
	[remote("172.0.0.1 80", "172.0.0.1 10", "172.0.0.1 443"), to("172.0.0.1", 80), "left"],
	[remote("172.0.0.1 80", "172.0.0.1 10", "172.0.0.1 443"), to("172.0.0.1", 443, UDP), "left"],
	[remote("172.0.0.1 80", "172.0.0.1 10", "172.0.0.1 443"), to("172.0.0.1", 81), "kept"],
	[remote("172.0.0.1 80"), to("172.0.0.2", 80), "kept"],
	[remote("172.0.0.1 80,443"), to("172.0.0.1", 443), "left"],
	[remote("172.0.0.1 80 , udp 53, * 7"), to("172.0.0.1", 53, UDP), "left"],
	[remote("172.0.0.1 80 , udp 53, * 7"), to("172.0.0.1", 53), "kept"],
	[remote("172.0.0.1 80 , udp 53, * 7"), to("172.0.0.9", 7), "dropped"],
	// The other side is another matter.
	[local("172.0.0.1 80"), to("172.0.0.1", 80, { local_address: "10.0.0.1" }), "kept"],
	[local("172.0.0.1 80"), from("172.0.0.1", 80), "left"],
	[local("* 9000"), from("127.0.0.1", 9000), "dropped"],
	[local("* 9000"), from("2001:db8::1", 9000), "dropped"],
	[local("* 9000"), to("127.0.0.1", 9000, { local_port: 9001 }), "kept"],
	// A bare address is that one, whatever its family.
	[remote("10.0.0.10"), to("10.0.0.10", 3333), "left"],
	[remote("10.0.0.10 *"), to("10.0.0.10", 3333, UDP), "left"],
	[remote("10.0.0.10"), to("10.0.0.11", 3333), "kept"],
	[remote("2001:db8::2:1 5001"), to("2001:db8::2:1", 5001), "left"],
	[remote("2001:db8::2:1 5001"), to("2001:db8::2:2", 5001), "kept"],
	[remote("::7f00:35:0:0 443"), to("::7f00:35:0:0", 443), "left"],
	[remote("::7f00:35:0:0 443"), to("::7f00:35:0:1", 443), "kept"],
	[remote("2001:DB8:0:0:0:0:0:1"), to("2001:db8::1", 443), "left"],
	// Ranges of addresses.
	[remote("10.0.0.0/24 8080"), to("10.0.0.255", 8080), "left"],
	[remote("10.0.0.0/24 8080"), to("10.0.1.0", 8080), "kept"],
	[remote("2001:db8::/55 80"), to("2001:db8:0:1ff::1", 80), "left"],
	[remote("2001:db8::/55 80"), to("2001:db8:0:200::1", 80), "kept"],
	[remote("0.0.0.0/0"), to("203.0.113.9", 1), "left"],
	[remote("0.0.0.0/0"), to("2001:db8::1", 1), "kept"],
	[remote("::/0"), to("2001:db8::1", 1), "left"],
	[remote("::/0"), to("203.0.113.9", 1), "kept"],
	[remote("::ffff:10.0.0.0/104 80"), to("10.9.9.9", 80), "left"],
	[remote("::ffff:10.0.0.1"), to("10.0.0.1", 80), "left"],
	// Ranges of ports, both ends included.
	[remote("10.0.0.1 8000-8100"), to("10.0.0.1", 7999), "kept"],
	[remote("10.0.0.1 8000-8100"), to("10.0.0.1", 8000), "left"],
	[remote("10.0.0.1 8000-8100"), to("10.0.0.1", 8100), "left"],
	[remote("10.0.0.1 8000-8100"), to("10.0.0.1", 8101), "kept"],
	[remote("10.0.0.1 80-80"), to("10.0.0.1", 80), "left"],
	[remote("10.0.0.1 1-65535"), to("10.0.0.1", 65_535), "left"],
	[remote("2001:db8::1 tcp 8000-8100"), to("2001:db8::1", 8050), "left"],
	[remote("2001:db8::1 tcp 8000-8100"), to("2001:db8::1", 8050, UDP), "kept"],
	// Protocols.
	[remote("1.1.1.1 udp *"), to("1.1.1.1", 7, UDP), "left"],
	[remote("1.1.1.1 udp *"), to("1.1.1.1", 7), "kept"],
	[remote("1.1.1.1 udp *", "1.1.1.1 11211"), to("1.1.1.1", 11_211), "left"],
	[remote("1.1.1.1 TCP *"), to("1.1.1.1", 7), "left"],
	[remote("1.1.1.1  Tcp   7 "), to("1.1.1.1", 7), "left"],
	[remote("* tcp *"), to("1.1.1.1", 7), "left"],
	[remote("* tcp *"), to("1.1.1.1", 7, UDP), "kept"],
	[remote("* udp 53"), to("1.1.1.1", 53, UDP), "left"],
	[remote("* udp 53"), to("1.1.1.1", 53), "kept"],
	// LocalDNSCollectionDisabled, SkipConnectionDNS: what asks a resolver on this machine.
	[remote("127.0.0.0/8 53,::1 53"), to("127.0.0.53", 53, UDP), "left"],
	[remote("127.0.0.0/8 53,::1 53"), to("::1", 53), "left"],
	[remote("127.0.0.0/8 53,::1 53"), to("8.8.8.8", 53, UDP), "kept"],
	[remote("127.0.0.0/8 53,::1 53"), to("127.0.0.1", 8053, UDP), "kept"],
	// Where one transport alone is wanted, the kernel can leave out its ports.
	[{ ...remote("* udp 53"), transport: "udp" }, to("1.1.1.1", 53, UDP), "dropped"],
	[{ ...remote("* tcp 53"), transport: "udp" }, to("1.1.1.1", 53, UDP), "kept"],
	// What is not known is not excluded, except by a rule that does not ask for it.
	[remote("10.0.0.0/8 80"), to("10.0.0.1", null), "kept"],
	[remote("10.0.0.0/8"), to("10.0.0.1", null), "left"],
	[remote("* 80"), to(null, null), "kept"],
	[remote("0.0.0.0/0"), to(null, null), "kept"],
	[remote("* tcp *"), to(null, null), "left"],
	[local("* 80"), from("10.0.0.1", null), "kept"],
];

/** A rule, what the error says of it, and what it says to do. */
export const WRONG_EXCLUSIONS: [rule: string, why: string, hint: string][] = [
	["", '"" is not an IP address or a CIDR range', '"10.0.0.0/8"'],
	["* *", '"* *" leaves nothing', '"* udp *"'],
	["*", '"*" leaves nothing', '"* udp *"'],
	["* 80,*", '"*" leaves nothing', '"* udp *"'],
	["123.ABCD *", '"123.ABCD *" is not an IP address or a CIDR range', '"10.0.0.0/8"'],
	["10.0.0.1/33", '"10.0.0.1/33" needs a prefix length from 0 to 32', '"10.0.0.0/8"'],
	["10.0.0.1/", '"10.0.0.1/" needs a prefix length from 0 to 32', '"10.0.0.0/8"'],
	["::1/129 80", '"::1/129 80" needs a prefix length from 0 to 128', '"10.0.0.0/8"'],
	["::ffff:0:0/90", '"::ffff:0:0/90" mixes IPv4 and IPv6', '"10.0.0.0/8"'],
	["!10.0.0.1", '"!10.0.0.1" is not an IP address or a CIDR range', '"10.0.0.0/8"'],
	["10.0.0.1:80", '"10.0.0.1:80" is not an IP address or a CIDR range', '"10.0.0.1 80'],
	["80", '"80" names no address', '"* udp 53"'],
	["udp 53", '"udp 53" names no address', '"* udp 53"'],
	["localhost 80", '"localhost 80" names no address', '"* udp 53"'],
	["10.0.0.25 ABCD", '"10.0.0.25 ABCD" has a wrong port: it is not a port', '"10.0.0.0/8"'],
	["10.0.0.25 30,ABCD", '"10.0.0.25 ABCD" has a wrong port: it is not a port', '"10.0.0.0/8"'],
	["10.0.0.1 0", '"10.0.0.1 0" has a wrong port: it is out of range', '"10.0.0.0/8"'],
	["10.0.0.1 0-80", '"10.0.0.1 0-80" has a wrong port: it is out of range', '"10.0.0.0/8"'],
	["10.0.0.1 65536", '"10.0.0.1 65536" has a wrong port: it is out of range', '"10.0.0.0/8"'],
	["10.0.0.1 5-3", '"10.0.0.1 5-3" has a wrong port: it ends before it begins', '"10.0.0.0/8"'],
	["10.0.0.1 tcp 5-3", '"10.0.0.1 tcp 5-3" has a wrong port: it ends before', '"10.0.0.0/8"'],
	["10.0.0.1 80-", '"10.0.0.1 80-" has a wrong port: it is not a port', '"10.0.0.0/8"'],
	["10.0.0.1 -80", '"10.0.0.1 -80" has a wrong port: it is not a port', '"10.0.0.0/8"'],
	["10.0.0.1 *-80", '"10.0.0.1 *-80" has a wrong port: it is not a port', '"10.0.0.0/8"'],
	["10.0.0.1 80 tcp", '"10.0.0.1 80 tcp" has its protocol at the end', '"tcp 80"'],
	["10.0.0.1 * UDP", '"10.0.0.1 * UDP" has its protocol at the end', '"UDP *"'],
	["10.0.0.1 tcp", '"10.0.0.1 tcp" names no port', '"tcp *"'],
	["10.0.0.1 sctp 80", '"10.0.0.1 sctp 80" is for a protocol that is neither', '"10.0.0.0/8"'],
	["10.0.0.1 tcp udp 80", '"10.0.0.1 tcp udp 80" has too many words', '"10.0.0.0/8"'],
	["10.0.0.1 80,", '"" is not an IP address or a CIDR range', '"10.0.0.0/8"'],
	["\x1b[2J 80", '"\\u001b[2J 80" is not an IP address or a CIDR range', '"10.0.0.0/8"'],
];
