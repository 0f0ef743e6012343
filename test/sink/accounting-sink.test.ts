import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import { createAccountingSink } from "../../src/sink/accounting-sink.ts";
import { parseCsv } from "../support/csv.ts";
import { account, NAT } from "./accounting-fixtures.ts";
import { eventSinkOptions } from "./event-fixtures.ts";
import { GAP, MemoryOutput } from "./fixtures.ts";

function opened(
	changes: Parameters<typeof eventSinkOptions>[0] = {},
	stdout = new MemoryOutput(false),
) {
	const stderr = new MemoryOutput(false);
	return { stdout, stderr, sink: createAccountingSink(eventSinkOptions(changes), stdout, stderr) };
}

const LINE =
	'{"type":"accounting","time":"2026-01-02T03:04:05.123456789Z","event":"update",' +
	'"flow_id":"00c0ffee00c0ffee","started":"2026-01-02T03:04:03.000000001Z","transport":"tcp",' +
	'"source_address":"10.0.0.1","source_port":40000,' +
	'"destination_address":"2001:db8::1","destination_port":443,' +
	'"packets_original":12,"bytes_original":5600000,"packets_reply":13,"bytes_reply":null,' +
	'"connection_mark":5,"netns":4026531840,"nat":null,"pid":null,"process":null}\n';

describe("JSON", () => {
	test("has the fields in the order of the contract, in one write", () => {
		const { stdout, stderr, sink } = opened({ format: "json" });
		const reversed = Object.fromEntries(Object.entries(account()).reverse());
		sink.accounts({ records: [account(), { ...reversed, ...account() }], gaps: [] });
		expect(stdout.writes).toEqual([LINE + LINE]);
		expect(stderr.text).toBe("");
	});

	test("has what is translated", () => {
		const { stdout, sink } = opened({ format: "json" });
		sink.accounts({ records: [account({ nat: NAT })], gaps: [] });
		expect(JSON.parse(stdout.text).nat).toEqual(NAT);
	});
});

test("CSV has every field but the type", () => {
	const { stdout, sink } = opened({ format: "csv" });
	sink.accounts({ records: [account({ nat: NAT, process: "=a,b" })], gaps: [] });
	const [header = [], row = []] = parseCsv(stdout.text);
	expect(["type", ...header]).toEqual(Object.keys(JSON.parse(LINE)));
	expect(row.slice(-3)).toEqual(["192.0.2.1:61000->10.9.9.9", "", "'=a,b"]);
});

describe("a table", () => {
	test("in a pipe has plain numbers, and gaps on standard error", () => {
		const { stdout, stderr, sink } = opened({ format: "table" });
		sink.accounts({ records: [account()], gaps: [{ ...GAP, stage: "queue", count: 1 }] });
		const [header = "", row = ""] = stdout.text.split("\n");
		expect(header.split(/ +/)).toEqual([
			...["TIME", "EVENT", "PROTO", "SOURCE", "DESTINATION", "NAT"],
			...["PKTS_OUT", "OUT_BYTES", "PKTS_IN", "IN_BYTES", "PROCESS"],
		]);
		expect(row.split(/ +/)).toEqual([
			...["2026-01-02T03:04:05.123456789Z", "update", "tcp", "10.0.0.1:40000"],
			...["[2001:db8::1]:443", "-", "12", "5600000", "13", "-", "-"],
		]);
		expect(stderr.text).toContain("LOST 1 message of the kernel was dropped");
	});

	test("on a terminal fits, with amounts for people", () => {
		const { stdout, sink } = opened({ format: "table" }, new MemoryOutput(true, 100));
		sink.accounts({ records: [account({ event: "destroy" })], gaps: [] });
		const lines = stdout.text.trimEnd().split("\n");
		expect(lines[1]).toContain("03:04:05.123 destroy tcp");
		expect(lines[1]).toContain("5.6M");
		for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
	});

	test("has the columns that are asked for, or says which there are", () => {
		const columns = ["flow", "mark"];
		const { stdout, sink } = opened({ format: "table", columns });
		sink.accounts({ records: [account()], gaps: [] });
		expect(stdout.text.split("\n")[1]?.split(/ +/)).toEqual(["00c0ffee00c0ffee", "5"]);
		expect(() => opened({ columns: ["frobnicate"] })).toThrow(UsageError);
	});
});
