import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { eventTestOf } from "../../src/cmd/event-query.ts";
import { UsageError } from "../../src/errors.ts";
import type { EventName, EventRecord } from "../../src/flow/records.ts";

const RECORDED: readonly EventName[] = ["connect", "connect_failed", "close"];

const EVENT: EventRecord = {
	...{ type: "event", time: "t", cpu: 0, event: "close", id: "1", transport: "tcp" },
	...{ family: "ipv4", direction: "active", state: "CLOSE", local_address: "10.0.0.1" },
	...{ local_port: 40_000, remote_address: "10.0.0.2", remote_port: 443, pid: 7, tid: 7 },
	...{ process: "curl", executable: null, command_line: null, uid: 1000, netns: 1 },
	...{ cgroup_id: null, container_id: null, attribution: "task", opened: null },
	...{ preexisting: false, duration_ms: null, bytes_sent: 0, bytes_received: 0 },
	...{ segments_sent: 0, segments_received: 0, segments_retransmitted: 0, rtt_us: null },
	...{ rtt_var_us: null, rtt_min_us: null, connect_latency_us: null, nat: null },
	...{ remote_name: null, error: null, close_reason: "local" },
};

const isWanted = (query: string, event: Partial<EventRecord> = {}): boolean =>
	eventTestOf(new URLSearchParams(query), RECORDED)({ ...EVENT, ...event });

describe("a query has the options of conntracer events", () => {
	for (const [query, expected] of [
		["", true],
		["process=curl", true],
		["process=wget", false],
		["process=wget&process=curl", true],
		["pid=7,8", true],
		["remote_port=443", true],
		["remote_port=!443", false],
		["local=10.0.0.0/8&remote=10.0.0.2", true],
		["direction=passive", false],
		["family=ipv6", false],
		["ipv4=true", true],
		["uid=1000", true],
		["events=connect", false],
		["events=connect,close", true],
		["failed=true", false],
	] as const)
		test(`${query}: ${expected}`, () => expect(isWanted(query)).toBe(expected));

	test("what failed: an attempt, or an end with an error", () => {
		expect(isWanted("failed=true", { event: "connect_failed", error: "ECONNREFUSED" })).toBe(true);
		expect(isWanted("failed=true", { error: "ETIMEDOUT" })).toBe(true);
	});
});

describe("what is wrong with it is said, by the names of the query", () => {
	for (const [query, reason] of [
		["proces=curl", "did you mean process?"],
		["remote-port=443", "did you mean remote_port?"],
		["pid=x", 'pid "x" is not a whole number'],
		["remote=10.0.0.0/33", "10.0.0.0/33"],
		["events=listen", "it records connect,connect_failed,close"],
		["events=closed", "did you mean close?"],
		["failed=perhaps", "neither true nor false"],
		["transport=tcp", "unknown"],
	] as const)
		test(query, () => {
			try {
				isWanted(query);
				expect.unreachable();
			} catch (error) {
				if (!(error instanceof UsageError)) throw error;
				expect(`${error.message} (${error.hint})`).toContain(reason);
			}
		});
});

test("whatever a query has, there is a test of events or a reason", () => {
	const names = fc.constantFrom("pid", "process", "remote", "port", "events", "container", "netns");
	const pair = fc.tuple(fc.oneof(names, fc.string()), fc.string({ unit: "binary" }));
	fc.assert(
		fc.property(fc.array(pair, { maxLength: 5 }), (pairs) => {
			try {
				expect(typeof eventTestOf(new URLSearchParams(pairs), RECORDED)(EVENT)).toBe("boolean");
			} catch (error) {
				expect(error).toBeInstanceOf(UsageError);
			}
		}),
		{ numRuns: 500 },
	);
});
