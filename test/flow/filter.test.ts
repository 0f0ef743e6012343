import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import { compileFilter, type FilterOptions, type FilterSubject } from "../../src/flow/filter.ts";

const NOTHING: FilterOptions = {
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
	family: null,
	transport: null,
	direction: null,
};

const ID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const SUBJECT: FilterSubject = {
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
};

const UNKNOWN: Partial<FilterSubject> = {
	direction: null,
	local_port: null,
	remote_port: null,
	process: null,
	cgroup_id: null,
	container_id: null,
	pid: null,
	uid: null,
};

type Case = [Partial<FilterOptions>, Partial<FilterSubject>, boolean];

const CASES: Case[] = [
	[{ pids: [4242] }, {}, true],
	[{ pids: [1, 4242] }, {}, true],
	[{ pids: [1] }, {}, false],
	[{ pids: [4242] }, UNKNOWN, false],
	[{ pids: [0] }, UNKNOWN, false],
	[{ uids: [1000] }, {}, true],
	[{ uids: [0] }, {}, false],
	[{ uids: [0] }, { uid: 0 }, true],
	[{ uids: [0] }, UNKNOWN, false],
	[{ processes: ["curl"] }, {}, true],
	[{ processes: ["wget", "curl"] }, {}, true],
	[{ processes: ["cur"] }, {}, false],
	[{ processes: ["CURL"] }, {}, false],
	[{ processes: ["curl"] }, UNKNOWN, false],
	[{ processes: ["sixteen-bytes-xx"] }, { process: "sixteen-bytes-x" }, true],
	[{ processes: ["sixteen-bytes-y"] }, { process: "sixteen-bytes-x" }, false],
	// 14 bytes and a half of "é": the kernel cuts it in two, and decoding says U+FFFD.
	[{ processes: ["fourteen-bytesé"] }, { process: "fourteen-bytes\ufffd" }, true],
	[{ cgroupIds: ["18446744073709551615"] }, {}, true],
	[{ cgroupIds: ["18446744073709551614"] }, {}, false],
	[{ cgroupIds: ["1"] }, UNKNOWN, false],
	[{ containers: [ID] }, {}, true],
	[{ containers: ["0123456789ab"] }, {}, true],
	[{ containers: ["0123456789AB"] }, {}, true],
	[{ containers: ["0123456789a"] }, {}, false],
	[{ containers: ["123456789abc"] }, {}, false],
	[{ containers: ["machine-1"] }, { container_id: "machine-1" }, true],
	[{ containers: ["machine-1"] }, { container_id: "machine-10" }, false],
	[{ containers: [ID] }, UNKNOWN, false],
	[{ netns: [4_026_531_840] }, {}, true],
	[{ netns: [1, 2] }, {}, false],
	[{ family: "ipv4" }, {}, true],
	[{ family: "ipv6" }, {}, false],
	[{ transport: "tcp" }, {}, true],
	[{ transport: "udp" }, {}, false],
	[{ direction: "active" }, {}, true],
	[{ direction: "passive" }, {}, false],
	[{ direction: "active" }, UNKNOWN, false],
	[{ local: ["192.168.0.0/16"] }, {}, true],
	[{ local: ["93.184.216.34"] }, {}, false],
	[{ local: ["!192.168.0.0/16"] }, {}, false],
	[{ local: ["!10.0.0.0/8"] }, {}, true],
	[{ remote: ["93.184.216.34"] }, {}, true],
	[{ remote: ["192.168.1.10"] }, {}, false],
	[{ remote: ["10.0.0.0/8", "93.0.0.0/8"] }, {}, true],
	[{ remote: ["10.0.0.0/8,93.0.0.0/8"] }, {}, true],
	[{ remote: ["93.0.0.0/8", "!93.184.0.0/16"] }, {}, false],
	[{ remote: ["93.0.0.0/8", "!93.185.0.0/16"] }, {}, true],
	[{ remote: ["!10.0.0.0/8,93.0.0.0/8"] }, {}, false],
	[{ remote: ["::ffff:93.184.216.34"] }, {}, true],
	[{ remote: ["::/0"] }, {}, false],
	[{ remote: ["!::/0"] }, {}, true],
	[{ remote: ["2001:db8::/32"] }, { family: "ipv6", remote_address: "2001:db8::1" }, true],
	[{ localPorts: ["40000"] }, {}, true],
	[{ localPorts: ["443"] }, {}, false],
	[{ localPorts: ["443"] }, UNKNOWN, false],
	[{ localPorts: ["!443"] }, UNKNOWN, true],
	[{ remotePorts: ["443"] }, {}, true],
	[{ remotePorts: ["40000"] }, {}, false],
	[{ remotePorts: ["80,443"] }, {}, true],
	[{ remotePorts: ["80", "443"] }, {}, true],
	[{ remotePorts: ["80, 8000-8100"] }, {}, false],
	[{ remotePorts: ["400-443"] }, {}, true],
	[{ remotePorts: ["443-500"] }, {}, true],
	[{ remotePorts: ["444-500"] }, {}, false],
	[{ remotePorts: ["1-65535"] }, {}, true],
	[{ remotePorts: ["!22,443"] }, {}, false],
	[{ remotePorts: ["!22,80"] }, {}, true],
	[{ remotePorts: ["1-1000,!443"] }, {}, false],
	[{ remotePorts: ["1-1000", "!80"] }, {}, true],
	[{ ports: ["443"] }, {}, true],
	[{ ports: ["40000"] }, {}, true],
	[{ ports: ["22"] }, {}, false],
	[{ ports: ["!443"] }, {}, false],
	[{ ports: ["!40000"] }, {}, false],
	[{ ports: ["!22"] }, {}, true],
	[{ pids: [4242], remotePorts: ["443"], family: "ipv4" }, {}, true],
	[{ pids: [4242], remotePorts: ["80"], family: "ipv4" }, {}, false],
	[{ pids: [1], remotePorts: ["443"] }, {}, false],
];

describe("a filter", () => {
	test.each(CASES)("%j on %j: %p", (options, changes, expected) => {
		const filter = compileFilter({ ...NOTHING, ...options });
		expect(filter?.matches({ ...SUBJECT, ...changes })).toBe(expected);
	});

	test("of no options is none", () => {
		expect(compileFilter(NOTHING)).toBeNull();
	});

	test.each<[Partial<FilterOptions>, { ports: boolean; pid: boolean; uid: boolean }]>([
		[
			{ processes: ["curl"], remote: ["::1"] },
			{ ports: false, pid: false, uid: false },
		],
		[{ ports: ["80"] }, { ports: true, pid: false, uid: false }],
		[{ localPorts: ["!80"] }, { ports: true, pid: false, uid: false }],
		[{ remotePorts: ["80"] }, { ports: true, pid: false, uid: false }],
		[{ pids: [1] }, { ports: false, pid: true, uid: false }],
		[{ uids: [0] }, { ports: false, pid: false, uid: true }],
	])("%j needs %j of the key", (options, needs) => {
		expect(compileFilter({ ...NOTHING, ...options })?.needs).toEqual(needs);
	});

	test.each<[Partial<FilterOptions>, string]>([
		[{ ports: ["0"] }, '--port "0" is out of range: ports are 1 to 65535'],
		[{ ports: ["65536"] }, '--port "65536" is out of range: ports are 1 to 65535'],
		[{ ports: ["0-80"] }, '--port "0-80" is out of range: ports are 1 to 65535'],
		[{ ports: ["80-65536"] }, '--port "80-65536" is out of range: ports are 1 to 65535'],
		[{ localPorts: ["90-80"] }, '--local-port "90-80" ends before it begins'],
		[{ remotePorts: ["http"] }, '--remote-port "http" is not a port or a range of ports'],
		[{ remotePorts: [""] }, '--remote-port "" is not a port or a range of ports'],
		[{ remotePorts: ["80,"] }, '--remote-port "" is not a port or a range of ports'],
		[{ ports: ["!!22"] }, '--port "!22" is not a port or a range of ports'],
		[{ ports: ["-80"] }, '--port "-80" is not a port or a range of ports'],
		[{ ports: ["80.5"] }, '--port "80.5" is not a port or a range of ports'],
		[{ local: ["potato"] }, '--local "potato" is not an IP address or a CIDR range'],
		[{ remote: ["!1.2.3.4/33"] }, '--remote "1.2.3.4/33" needs a prefix length from 0 to 32'],
		[{ remote: ["\x1b[31m"] }, '--remote "\\u001b[31m" is not an IP address or a CIDR range'],
	])("%j is refused: %s", (options, message) => {
		expect(() => compileFilter({ ...NOTHING, ...options })).toThrow(new UsageError(message, null));
	});
});
