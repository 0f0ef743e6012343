import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import { compileFilter, type FilterOptions } from "../../src/flow/filter.ts";
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
