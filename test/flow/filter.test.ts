import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../src/errors.ts";
import { compileFilter, type FilterOptions } from "../../src/flow/filter.ts";
import { filter as kernelStruct } from "../../src/maps/structs.ts";
import { CASES, NO_OPTIONS, SUBJECT } from "./filter-cases.ts";

describe("a filter", () => {
	test.each(CASES)("%j on %j: %s", (options, changes, verdict) => {
		const filter = compileFilter({ ...NO_OPTIONS, ...options });
		expect(filter?.matches({ ...SUBJECT, ...changes })).toBe(verdict === "kept");
	});

	test("of no options is none", () => {
		expect(compileFilter(NO_OPTIONS)).toBeNull();
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
		expect(compileFilter({ ...NO_OPTIONS, ...options })?.needs).toEqual(needs);
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
		expect(() => compileFilter({ ...NO_OPTIONS, ...options })).toThrow(
			new UsageError(message, null),
		);
	});
});

const PART = fc.constantFrom(
	...["10.0.0.1", "10.0.0.0/8", "::1", "::ffff:1.2.3.4", "2001:db8::/32", "0/0", "/", ":", "%eth0"],
	...[
		"80",
		"0",
		"65536",
		"1-2",
		"2-1",
		"-",
		"!",
		",",
		" ",
		"*",
		"udp",
		"\0",
		"\x1b",
		"é",
		"\ud800",
	],
);
const TEXT = fc.oneof(
	fc.array(PART, { maxLength: 4 }).map((parts) => parts.join("")),
	fc.string(),
);
const texts = fc.oneof(
	{ weight: 8, arbitrary: fc.constant([]) },
	{ weight: 1, arbitrary: fc.array(TEXT, { maxLength: 2 }) },
	{ weight: 1, arbitrary: PART.map((part) => [part]) },
);
const numbers = fc.array(fc.oneof(fc.integer(), fc.double()), { maxLength: 20 });
const OPTIONS: fc.Arbitrary<Partial<FilterOptions>> = fc.record(
	{
		...{ pids: numbers, uids: numbers, netns: numbers },
		...{ processes: texts, cgroupIds: texts, containers: texts },
		...{ local: texts, remote: texts, localPorts: texts, remotePorts: texts, ports: texts },
		...{ excludeLocal: texts, excludeRemote: texts },
		family: fc.constantFrom("ipv4", "ipv6", null),
		transport: fc.constantFrom("tcp", "udp", null),
		direction: fc.constantFrom("active", "passive", null),
	},
	{ requiredKeys: [] },
);
const SUBJECTS = fc.record({
	local_address: fc.oneof(fc.ipV4(), fc.ipV6(), TEXT),
	remote_address: fc.option(fc.oneof(fc.ipV4(), fc.ipV6(), TEXT)),
	local_port: fc.option(fc.nat(65_535)),
	remote_port: fc.option(fc.nat(65_535)),
});

test("options of any kind make a filter, which takes any subject, or are refused with a remedy", () => {
	let compiled = 0;
	fc.assert(
		fc.property(OPTIONS, SUBJECTS, (options, changes) => {
			try {
				const filter = compileFilter(options);
				if (filter === null) return;
				compiled++;
				expect(typeof filter.matches({ ...SUBJECT, ...changes })).toBe("boolean");
				expect(kernelStruct.encode(filter.kernel).length).toBe(kernelStruct.size);
			} catch (error) {
				if (!(error instanceof UsageError)) throw error;
				expect(error.hint).not.toBeNull();
			}
		}),
		{ numRuns: 2000 },
	);
	expect(compiled).toBeGreaterThan(100);
});
