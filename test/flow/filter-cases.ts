/** The one table of what a filter keeps: for user space and for the kernel side. */

import type { FilterOptions, FilterSubject } from "../../src/flow/filter.ts";
import type { Attribution } from "../../src/flow/records.ts";

/** What the kernel knows besides of whose a connection is: `matches` is the same for all of them. */
export interface CaseSubject extends FilterSubject {
	readonly attribution: Attribution;
}

export const NO_OPTIONS: FilterOptions = {
	pids: [],
	uids: [],
	processes: [],
	cgroupIds: [],
	containers: [],
	netns: [],
	local: [],
	remote: [],
	localPorts: [],
	remotePorts: [],
	ports: [],
	excludeLocal: [],
	excludeRemote: [],
	family: null,
	transport: null,
	direction: null,
};

const ID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

export const SUBJECT: CaseSubject = {
	transport: "tcp",
	family: "ipv4",
	direction: "active",
	local_address: "192.168.1.10",
	remote_address: "93.184.216.34",
	local_port: 40_000,
	remote_port: 443,
	listen_port: 443,
	process: "curl",
	netns: 4_026_531_840,
	cgroup_id: "18446744073709551615",
	container_id: ID,
	pid: 4242,
	uid: 1000,
	attribution: "task",
};

const UNKNOWN: Partial<CaseSubject> = {
	direction: null,
	local_port: null,
	remote_port: null,
	process: null,
	cgroup_id: null,
	container_id: null,
	pid: null,
	uid: null,
	attribution: null,
};

/** The kernel passes it on, and user space keeps it. */
const KEPT = "kept";
/** The kernel drops it, and so would user space. */
const DROPPED = "dropped";
/** The kernel cannot tell, or not yet: it passes it on, and user space drops it. */
const LEFT = "left";

export type Verdict = typeof KEPT | typeof DROPPED | typeof LEFT;
type Case = [Partial<FilterOptions>, Partial<CaseSubject>, Verdict];

const IPV6: Partial<CaseSubject> = {
	family: "ipv6",
	local_address: "2001:db8::10",
	remote_address: "2001:db8::1",
};
/** The owner of the socket that it came to: whoever accepts it may be another. */
const LISTENERS: Partial<CaseSubject> = { direction: "passive", attribution: "listener" };
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

export const CASES: Case[] = [
	[{ pids: [4242] }, {}, KEPT],
	[{ pids: [1, 4242] }, {}, KEPT],
	[{ pids: [1] }, {}, DROPPED],
	[{ pids: [4242] }, UNKNOWN, LEFT],
	[{ pids: [0] }, UNKNOWN, LEFT],
	[{ uids: [1000] }, {}, KEPT],
	[{ uids: [0] }, {}, DROPPED],
	[{ uids: [0] }, { uid: 0 }, KEPT],
	[{ uids: [0] }, UNKNOWN, LEFT],
	[{ processes: ["curl"] }, {}, KEPT],
	[{ processes: ["wget", "curl"] }, {}, KEPT],
	[{ processes: ["cur"] }, {}, LEFT],
	[{ processes: ["CURL"] }, {}, LEFT],
	[{ processes: ["curl"] }, UNKNOWN, LEFT],
	[{ processes: ["sixteen-bytes-xx"] }, { process: "sixteen-bytes-x" }, KEPT],
	[{ processes: ["sixteen-bytes-y"] }, { process: "sixteen-bytes-x" }, LEFT],
	// 14 bytes and a half of "é": the kernel cuts it in two, and decoding says U+FFFD.
	[{ processes: ["fourteen-bytesé"] }, { process: "fourteen-bytes\ufffd" }, KEPT],
	[{ cgroupIds: ["18446744073709551615"] }, {}, KEPT],
	[{ cgroupIds: ["18446744073709551614"] }, {}, DROPPED],
	[{ cgroupIds: ["1"] }, UNKNOWN, LEFT],
	[{ containers: [ID] }, {}, KEPT],
	[{ containers: ["0123456789ab"] }, {}, KEPT],
	[{ containers: ["0123456789AB"] }, {}, KEPT],
	[{ containers: ["0123456789a"] }, {}, LEFT],
	[{ containers: ["123456789abc"] }, {}, LEFT],
	[{ containers: ["machine-1"] }, { container_id: "machine-1" }, KEPT],
	[{ containers: ["machine-1"] }, { container_id: "machine-10" }, LEFT],
	[{ containers: [ID] }, UNKNOWN, LEFT],
	[{ netns: [4_026_531_840] }, {}, KEPT],
	[{ netns: [1, 2] }, {}, DROPPED],
	[{ family: "ipv4" }, {}, KEPT],
	[{ family: "ipv6" }, {}, DROPPED],
	[{ transport: "tcp" }, {}, KEPT],
	[{ transport: "udp" }, {}, DROPPED],
	[{ direction: "active" }, {}, KEPT],
	[{ direction: "passive" }, {}, DROPPED],
	[{ direction: "active" }, UNKNOWN, LEFT],
	[{ local: ["192.168.0.0/16"] }, {}, KEPT],
	[{ local: ["93.184.216.34"] }, {}, LEFT],
	[{ local: ["!192.168.0.0/16"] }, {}, LEFT],
	[{ local: ["!10.0.0.0/8"] }, {}, KEPT],
	[{ remote: ["93.184.216.34"] }, {}, KEPT],
	[{ remote: ["192.168.1.10"] }, {}, LEFT],
	[{ remote: ["10.0.0.0/8", "93.0.0.0/8"] }, {}, KEPT],
	[{ remote: ["10.0.0.0/8,93.0.0.0/8"] }, {}, KEPT],
	[{ remote: ["93.0.0.0/8", "!93.184.0.0/16"] }, {}, LEFT],
	[{ remote: ["93.0.0.0/8", "!93.185.0.0/16"] }, {}, KEPT],
	[{ remote: ["!10.0.0.0/8,93.0.0.0/8"] }, {}, LEFT],
	[{ remote: ["::ffff:93.184.216.34"] }, {}, KEPT],
	[{ remote: ["::/0"] }, {}, LEFT],
	[{ remote: ["!::/0"] }, {}, KEPT],
	[{ remote: ["2001:db8::/32"] }, { family: "ipv6", remote_address: "2001:db8::1" }, KEPT],
	[{ localPorts: ["40000"] }, {}, KEPT],
	[{ localPorts: ["443"] }, {}, DROPPED],
	[{ localPorts: ["443"] }, UNKNOWN, LEFT],
	[{ localPorts: ["!443"] }, UNKNOWN, KEPT],
	[{ remotePorts: ["443"] }, {}, KEPT],
	[{ remotePorts: ["40000"] }, {}, DROPPED],
	[{ remotePorts: ["80,443"] }, {}, KEPT],
	[{ remotePorts: ["80", "443"] }, {}, KEPT],
	[{ remotePorts: ["80, 8000-8100"] }, {}, DROPPED],
	[{ remotePorts: ["400-443"] }, {}, KEPT],
	[{ remotePorts: ["443-500"] }, {}, KEPT],
	[{ remotePorts: ["444-500"] }, {}, DROPPED],
	[{ remotePorts: ["1-65535"] }, {}, KEPT],
	[{ remotePorts: ["!22,443"] }, {}, DROPPED],
	[{ remotePorts: ["!22,80"] }, {}, KEPT],
	[{ remotePorts: ["1-1000,!443"] }, {}, DROPPED],
	[{ remotePorts: ["1-1000", "!80"] }, {}, KEPT],
	[{ ports: ["443"] }, {}, KEPT],
	[{ ports: ["40000"] }, {}, KEPT],
	[{ ports: ["22"] }, {}, DROPPED],
	[{ ports: ["!443"] }, {}, DROPPED],
	[{ ports: ["!40000"] }, {}, DROPPED],
	[{ ports: ["!22"] }, {}, KEPT],
	[{ pids: [4242], remotePorts: ["443"], family: "ipv4" }, {}, KEPT],
	[{ pids: [4242], remotePorts: ["80"], family: "ipv4" }, {}, DROPPED],
	[{ pids: [1], remotePorts: ["443"] }, {}, DROPPED],
	// Found by the scan is found holding the socket; what listens may hand on what it accepts.
	[{ pids: [1] }, { attribution: "scan" }, DROPPED],
	[{ pids: [4242] }, { attribution: "scan" }, KEPT],
	[{ pids: [1] }, LISTENERS, LEFT],
	[{ uids: [0] }, LISTENERS, LEFT],
	[{ cgroupIds: ["1"] }, LISTENERS, LEFT],
	[{ pids: [4242] }, LISTENERS, KEPT],
	[{ pids: [1], localPorts: ["443"] }, LISTENERS, DROPPED],
	[{ uids: [2 ** 32 - 2] }, { uid: 2 ** 32 - 2 }, KEPT],
	// Known to be in none is known.
	[{ cgroupIds: ["1"] }, { cgroup_id: null }, DROPPED],
	// The kernel holds sixteen values of a kind.
	[{ pids: upTo(16) }, { pid: 16 }, KEPT],
	[{ pids: upTo(16) }, { pid: 17 }, DROPPED],
	[{ pids: upTo(17) }, { pid: 17 }, KEPT],
	[{ pids: upTo(17) }, { pid: 18 }, LEFT],
	[{ pids: [...upTo(16), ...upTo(16)] }, { pid: 17 }, DROPPED],
	[{ pids: upTo(17), uids: [0] }, { pid: 17 }, DROPPED],
	[{ uids: upTo(16) }, { uid: 16 }, KEPT],
	[{ uids: upTo(16) }, {}, DROPPED],
	[{ uids: upTo(17) }, {}, LEFT],
	[{ netns: upTo(16) }, { netns: 16 }, KEPT],
	[{ netns: upTo(16) }, {}, DROPPED],
	[{ netns: upTo(17) }, {}, LEFT],
	[{ cgroupIds: upTo(16).map(String) }, { cgroup_id: "16" }, KEPT],
	[{ cgroupIds: upTo(16).map(String) }, {}, DROPPED],
	[{ cgroupIds: upTo(17).map(String) }, {}, LEFT],
	[{ cgroupIds: ["4294967297"] }, { cgroup_id: "1" }, DROPPED],
	// What no kernel has, from a script.
	[{ pids: [-1, 4242] }, {}, KEPT],
	[{ pids: [-1, 1] }, {}, LEFT],
	[{ cgroupIds: ["here"] }, {}, LEFT],
	[{ cgroupIds: ["18446744073709551616"] }, {}, LEFT],
	[{ transport: "udp" }, { transport: "udp" }, KEPT],
	[{ transport: "tcp" }, { transport: "udp" }, DROPPED],
	[{ direction: "passive" }, { direction: "passive" }, KEPT],
	[{ direction: "active" }, { direction: "passive" }, DROPPED],
	[{ family: "ipv6" }, IPV6, KEPT],
	[{ family: "ipv4" }, IPV6, DROPPED],
	// A socket without a peer, so far.
	[{ family: "ipv4" }, { ...IPV6, remote_address: null }, LEFT],
	[{ localPorts: ["1"] }, { local_port: 1 }, KEPT],
	[{ localPorts: ["2-65535"] }, { local_port: 1 }, DROPPED],
	[{ localPorts: ["65535"] }, { local_port: 65_535 }, KEPT],
	[{ localPorts: ["1-65534"] }, { local_port: 65_535 }, DROPPED],
	[{ localPorts: ["8-15"] }, { local_port: 7 }, DROPPED],
	[{ localPorts: ["8-15"] }, { local_port: 8 }, KEPT],
	[{ localPorts: ["8-15"] }, { local_port: 15 }, KEPT],
	[{ localPorts: ["8-15"] }, { local_port: 16 }, DROPPED],
	[{ remotePorts: ["!1-442", "!444-65535"] }, {}, KEPT],
	[{ remotePorts: ["!1-442", "!443"] }, {}, DROPPED],
	[{ remotePorts: upTo(100).map((n) => String(n * 443)) }, {}, KEPT],
	[{ remotePorts: upTo(100).map((n) => String(n * 442)) }, {}, DROPPED],
	[{ localPorts: ["40000"], remotePorts: ["80"] }, {}, DROPPED],
	[{ localPorts: ["40000"], remotePorts: ["443"], ports: ["443"] }, {}, KEPT],
	// The port that is known may settle it: at a SYN only the remote one is.
	[{ ports: ["443"] }, { local_port: null }, KEPT],
	[{ ports: ["22"] }, { local_port: null }, LEFT],
	[{ ports: ["!443"] }, { local_port: null }, DROPPED],
	[{ ports: ["!22"] }, { local_port: null }, KEPT],
	[{ ports: ["1-1000", "!443"] }, { local_port: null }, DROPPED],
	[{ ports: ["40000,!443"] }, {}, DROPPED],
	[{ ports: ["1-30000", "!22"] }, UNKNOWN, LEFT],
];
