import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import type { FlowRecord } from "../../src/flow/records.ts";
import { flowKind } from "../../src/sink/flow-kind.ts";
import { columnsOf, orderOf } from "../../src/sink/row-kind.ts";
import { flow } from "./fixtures.ts";

const FLOWS = flowKind("process");

describe("--columns", () => {
	test("takes names and aliases, in the order given, in any case", () => {
		const names = columnsOf(FLOWS, ["rtt", "Process", " bytes_sent", "pid"], "csv").map(
			({ name }) => name,
		);
		expect(names).toEqual(["rtt_us", "process", "bytes_sent", "last_pid"]);
	});

	test.each([[["potato"]], [["process", ""]], [[]], [["type"]]])("%j is refused", (names) => {
		expect(() => columnsOf(FLOWS, names, "csv")).toThrow(UsageError);
	});

	test("that are unknown: the error names every column", () => {
		try {
			columnsOf(FLOWS, ["potato"], "csv");
			expect.unreachable();
		} catch (error) {
			if (!(error instanceof UsageError)) throw error;
			expect(error.message).toBe('--columns "potato": there is no such column');
			expect(error.hint).toStartWith("choose from time, interval_ms, ");
			expect(error.hint).toContain("last_pid (pid)");
			expect(error.hint).toEndWith("rtt_us (rtt), nat, user, unit, service");
		}
	});
});

test("flows of services have no columns of processes", () => {
	const names = columnsOf(flowKind("service"), null, "terminal").map(({ name }) => name);
	expect(names.slice(0, 5)).toEqual([
		"transport",
		"local",
		"direction",
		"remote",
		"sent_bytes_per_second",
	]);
	expect(names).not.toContain("uid");
	expect(names).not.toContain("container_id");
});

test("flows of connections have both ports in CSV, others have not", () => {
	const ports = ["local_port", "remote_port"];
	const of = (aggregate: "connection" | "process") =>
		columnsOf(flowKind(aggregate), null, "csv").filter(({ name }) => ports.includes(name)).length;
	expect(of("connection")).toBe(2);
	expect(of("process")).toBe(0);
});

describe("--sort", () => {
	const a = flow({ process: "a", bytes_sent: 5, bytes_received: 5, last_pid: 30, rtt_us: null });
	const b = flow({ process: "b", bytes_sent: 0, bytes_received: 20, last_pid: 4, rtt_us: 7 });
	const c = flow({ process: null, bytes_sent: 9, bytes_received: 0, last_pid: null, rtt_us: 80 });

	test.each<[string | null, FlowRecord[]]>([
		[null, [b, a, c]],
		["throughput", [b, a, c]],
		["bytes_sent", [c, a, b]],
		["sent", [c, a, b]],
		["received_rate", [b, a, c]],
		["pid", [a, b, c]],
		["process", [a, b, c]],
		["rtt_us", [c, b, a]],
	])("%p puts numbers largest first, text from A, unknown last", (field, expected) => {
		expect([c, a, b].toSorted(orderOf(FLOWS, field))).toEqual(expected);
		expect([b, a, c].toSorted(orderOf(FLOWS, field))).toEqual(expected);
	});

	test("leaves no two rows in the order in which they came", () => {
		const one = flow({ remote_address: "10.0.0.1" });
		const two = flow({ remote_address: "10.0.0.2" });
		expect([two, one].toSorted(orderOf(FLOWS, null))).toEqual([one, two]);
	});

	test("by a field that does not exist is refused", () => {
		expect(() => orderOf(FLOWS, "potato")).toThrow(
			new UsageError('--sort "potato": there is no such column', null),
		);
	});
});
