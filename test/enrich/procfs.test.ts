import { describe, expect, test } from "bun:test";
import { mkdtempSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	hasUdpSockets,
	kernelRelease,
	mounts,
	networkNamespaceMounts,
	networkNamespaces,
	parseMountinfo,
	parseTcpCounts,
	tcpCounts,
} from "../../src/enrich/procfs.ts";
import { DecodeError } from "../../src/errors.ts";

const SNMP = `Ip: Forwarding DefaultTTL InReceives
Ip: 1 64 91824
Icmp: InMsgs InErrors
Icmp: 12 0
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors
Tcp: 1 200 120000 -1 4711 815 23 42 7 90210 91011 5 0 77 0
Udp: InDatagrams NoPorts
Udp: 5 1
`;

describe("the counters of /proc/net/snmp", () => {
	const expected = { active_opens: 4711, passive_opens: 815, attempt_fails: 23, estab_resets: 42 };

	test("are found", () => expect(parseTcpCounts(SNMP)).toEqual(expected));

	test("are found by name, wherever they stand", () => {
		const text =
			"Tcp: EstabResets New AttemptFails PassiveOpens ActiveOpens\nTcp: 42 9 23 815 4711\n";
		expect(parseTcpCounts(text)).toEqual(expected);
	});

	for (const [name, text] of [
		["no Tcp lines", "Ip: Forwarding\nIp: 1\n"],
		["no values", "Tcp: ActiveOpens PassiveOpens AttemptFails EstabResets\n"],
		["a name is missing", "Tcp: ActiveOpens PassiveOpens AttemptFails\nTcp: 1 2 3\n"],
		["a value is missing", "Tcp: ActiveOpens PassiveOpens AttemptFails EstabResets\nTcp: 1 2 3\n"],
		["not a count", "Tcp: ActiveOpens PassiveOpens AttemptFails EstabResets\nTcp: 1 2 -3 4\n"],
		["empty", ""],
	] as const) {
		test(`${name}: an error`, () => expect(() => parseTcpCounts(text)).toThrow(DecodeError));
	}

	test("of this machine only grow", () => {
		const before = tcpCounts();
		const after = tcpCounts();
		expect(after.active_opens).toBeGreaterThanOrEqual(before.active_opens);
		expect(after.passive_opens).toBeGreaterThanOrEqual(before.passive_opens);
	});
});

const MOUNTINFO = `22 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
25 28 0:23 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
98 28 0:4 net:[4026532279] /run/netns/blue rw shared:60 - nsfs nsfs rw
99 28 0:4 mnt:[4026532300] /run/snapd/ns/lxd.mnt rw - nsfs nsfs rw
101 28 0:4 net:[4026532281] /run/docker/netns/a\\040b rw shared:61 master:1 propagate_from:2 - nsfs nsfs rw
102 28 8:1 /var/lib/x\\134y /mnt/new\\012line rw - ext4 /dev/sda1 rw
`;

describe("mounts", () => {
	test("are read with and without optional fields, escapes undone", () => {
		expect(parseMountinfo(MOUNTINFO)).toEqual([
			{ root: "/", mountPoint: "/proc", type: "proc", options: ["rw"] },
			{ root: "/", mountPoint: "/sys/fs/cgroup", type: "cgroup2", options: ["rw", "nsdelegate"] },
			{ root: "net:[4026532279]", mountPoint: "/run/netns/blue", type: "nsfs", options: ["rw"] },
			{
				root: "mnt:[4026532300]",
				mountPoint: "/run/snapd/ns/lxd.mnt",
				type: "nsfs",
				options: ["rw"],
			},
			{
				root: "net:[4026532281]",
				mountPoint: "/run/docker/netns/a b",
				type: "nsfs",
				options: ["rw"],
			},
			{ root: "/var/lib/x\\y", mountPoint: "/mnt/new\nline", type: "ext4", options: ["rw"] },
		]);
	});

	test("lines that are not mounts are skipped", () => {
		expect(parseMountinfo("\nnonsense\n1 2 3\n - x\n")).toEqual([]);
	});

	test("those of network namespaces are told from other namespaces", () => {
		expect(networkNamespaceMounts(parseMountinfo(MOUNTINFO))).toEqual([
			"/run/netns/blue",
			"/run/docker/netns/a b",
		]);
	});

	test("of this machine have a /proc", () => {
		expect(mounts()).toContainEqual({
			root: "/",
			mountPoint: "/proc",
			type: "proc",
			options: ["rw"],
		});
	});
});

test("the network namespace of this process is among those found, with a path to open", () => {
	const inode = Number(/^net:\[(\d+)\]$/.exec(readlinkSync("/proc/self/ns/net"))?.[1]);
	const path = networkNamespaces().get(inode);
	expect(path).toMatch(/^\/proc\/\d+\/ns\/net$/);
	expect(statSync(path ?? "").ino).toBe(inode);
});

test("the release of the kernel is what uname says", () => {
	expect(kernelRelease()).toBe(Bun.spawnSync(["uname", "-r"]).stdout.toString().trim());
});

describe("whether a network namespace has UDP sockets", () => {
	const sockstat = (udp: number) =>
		`TCP: inuse 3 orphan 0\nUDP: inuse ${udp} mem 0\nUDPLITE: inuse 9\n`;
	const sockstat6 = (udp: number) => `TCP6: inuse 3\nUDP6: inuse ${udp}\nUDPLITE6: inuse 9\n`;
	for (const [what, files, expected] of [
		["none", { sockstat: sockstat(0), sockstat6: sockstat6(0) }, false],
		["one of IPv4", { sockstat: sockstat(1), sockstat6: sockstat6(0) }, true],
		["ten of IPv6", { sockstat: sockstat(0), sockstat6: sockstat6(10) }, true],
		["none, without IPv6", { sockstat: sockstat(0) }, false],
		["not known", {}, true],
	] as const)
		test(what, () => {
			const folder = mkdtempSync(join(tmpdir(), "conntracer-"));
			try {
				for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
				expect(hasUdpSockets(folder)).toBe(expected);
			} finally {
				rmSync(folder, { recursive: true });
			}
		});

	test("is seen as it comes and goes", async () => {
		const socket = await Bun.udpSocket({ hostname: "127.0.0.1" });
		expect(hasUdpSockets()).toBe(true);
		socket.close();
	});
});
