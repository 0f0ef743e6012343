import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/errors.ts";
import { createDnsSink } from "../../src/sink/dns-sink.ts";
import { parseCsv } from "../support/csv.ts";
import { question, TIMEOUT } from "./dns-fixtures.ts";
import { eventSinkOptions } from "./event-fixtures.ts";
import { GAP, MemoryOutput } from "./fixtures.ts";

function opened(
	changes: Parameters<typeof eventSinkOptions>[0] = {},
	stdout = new MemoryOutput(false),
) {
	const stderr = new MemoryOutput(false);
	return { stdout, stderr, sink: createDnsSink(eventSinkOptions(changes), stdout, stderr) };
}

const LINE =
	'{"type":"dns","time":"2026-01-02T03:04:05.123456789Z","netns":4026531840,"transport":"udp",' +
	'"client_address":"10.0.0.1","client_port":40000,"server_address":"2001:db8::1","server_port":53,' +
	'"id":7,"question_name":"www.example.com","question_type":"A","response_code":"NOERROR",' +
	'"error":null,"latency_us":1234,"truncated":false,"answer_count":2,"answers":[' +
	'{"name":"www.example.com","type":"CNAME","ttl":60,"data":"web.example.net"},' +
	'{"name":"web.example.net","type":"A","ttl":5,"data":"192.0.2.1"}],"pid":7,"process":"curl"}\n';

/** What a hostile server may put into a name, as it comes out of a message, and as it never does. */
const HOSTILE = "\x1b[2J\n\u202e";

describe("JSON", () => {
	test("has the fields in the order of the contract, in one write", () => {
		const { stdout, stderr, sink } = opened({ format: "json" });
		const reversed = Object.fromEntries(Object.entries(question()).reverse());
		sink.questions({ records: [question(), { ...reversed, ...question() }], gaps: [] });
		expect(stdout.writes).toEqual([LINE + LINE]);
		expect(stderr.text).toBe("");
	});

	test("has names from outside on one line", () => {
		const { stdout, sink } = opened({ format: "json" });
		const record = question({ question_name: HOSTILE, process: HOSTILE });
		sink.questions({ records: [record], gaps: [] });
		expect(stdout.text).toMatch(/^[ -~]*\n$/);
		expect(JSON.parse(stdout.text)).toEqual(record);
	});
});

describe("CSV", () => {
	test("has every field but the type, with answers as master files have them", () => {
		const { stdout, sink } = opened({ format: "csv" });
		sink.questions({ records: [question(), question(TIMEOUT)], gaps: [] });
		const [header = [], row = [], timeout = []] = parseCsv(stdout.text);
		expect(["type", ...header]).toEqual(Object.keys(JSON.parse(LINE)));
		expect(row.slice(-7)).toEqual([
			...["", "1234", "false", "2"],
			"www.example.com 60 CNAME web.example.net; web.example.net 5 A 192.0.2.1",
			...["7", "curl"],
		]);
		expect(timeout.slice(-8)).toEqual(["", "timeout", "", "", "", "", "", ""]);
	});

	test("is safe for spreadsheets and terminals", () => {
		const { stdout, sink } = opened({ format: "csv", columns: ["name", "data"] });
		const answers = [{ name: "a", type: "TXT", ttl: 1, data: HOSTILE }];
		sink.questions({ records: [question({ question_name: "=cmd()", answers })], gaps: [] });
		const [, row = []] = parseCsv(stdout.text);
		expect(row).toEqual(["'=cmd()", "\\x1b[2J\\n\\u202e"]);
	});
});

describe("a table", () => {
	test("in a pipe has plain numbers, and gaps on standard error", () => {
		const { stdout, stderr, sink } = opened({ format: "table" });
		const gaps = [{ ...GAP, stage: "dns_message", count: 2, hint: null } as const];
		sink.questions({ records: [question(TIMEOUT)], gaps });
		const [header = "", row = ""] = stdout.text.split("\n");
		expect(header.split(/ +/)).toEqual([
			...["TIME", "PROCESS", "PID", "CLIENT", "SERVER"],
			...["NAME", "TYPE", "RESULT", "LATENCY_US", "DATA"],
		]);
		expect(row.split(/ +/)).toEqual([
			...["2026-01-02T03:04:05.123456789Z", "-", "-", "10.0.0.1:40000", "[2001:db8::1]:53"],
			...["www.example.com", "A", "timeout", "-", "-"],
		]);
		expect(stderr.text).toContain("LOST 2 messages were not read: malformed");
	});

	test("on a terminal fits, and what failed stands out", () => {
		const { stdout, sink } = opened({ format: "table", color: true }, new MemoryOutput(true, 100));
		const failed = question({ response_code: "NXDOMAIN", question_name: `${HOSTILE}.example` });
		sink.questions({ records: [question(), failed], gaps: [] });
		const [, plain = "", red = ""] = stdout.text.trimEnd().split("\n");
		expect(plain).toContain("03:04:05.123 curl");
		expect(plain).toContain("1.2ms");
		expect(plain.length).toBeLessThanOrEqual(100);
		expect(red).toMatch(/^\x1b\[31m[^\x1b]*NXDOMAIN[^\x1b]*\x1b\[0m$/);
	});

	test("has the columns that are asked for, or says which there are", () => {
		const { stdout, sink } = opened({ format: "table", columns: ["rcode", "count", "id"] });
		sink.questions({ records: [question()], gaps: [] });
		expect(stdout.text.split("\n")[1]?.split(/ +/)).toEqual(["NOERROR", "2", "7"]);
		expect(() => opened({ columns: ["frobnicate"] })).toThrow(UsageError);
	});
});
