import { describe, expect, test } from "bun:test";
import { Log, type LogFields, type LogFormat } from "../../src/sink/log.ts";

const TIME = "2026-11-21T10:00:00.000000000Z";

class Lines {
	all: string[] = [];
	fails = false;
	isClosed = false;
	blocks = false;

	write(text: string | Uint8Array): void {
		if (this.fails) throw new Error("ENOSPC: no space left on device, write");
		this.all.push(String(text));
	}

	wouldBlock(): boolean {
		return this.blocks;
	}
}

function written(format: LogFormat, message: string, fields: LogFields, text?: string): string {
	const lines = new Lines();
	new Log(lines, format, () => TIME).line("info", message, fields, text ?? null);
	return lines.all.join("");
}

const FIELDS = {
	path: "/run/a b",
	count: 3,
	none: null,
	all: ["x", "y"],
	of: { tcp: "tracepoint" },
};

test("text is what is given, or the message", () => {
	expect(written("text", "serving", FIELDS)).toBe("conntracer: serving\n");
	expect(written("text", "serving", FIELDS, "as it is\n")).toBe("as it is\n");
});

test("logfmt has a pair for each field, and quotes where there is need", () => {
	expect(written("logfmt", "not reloaded", FIELDS, "not this")).toBe(
		`time=${TIME} level=info message="not reloaded" path="/run/a b" count=3 none=null all=x,y of.tcp=tracepoint\n`,
	);
});

test("JSON is one object a line", () => {
	expect(JSON.parse(written("json", "serving", FIELDS))).toEqual({
		...{ time: TIME, level: "info", message: "serving" },
		...FIELDS,
	});
});

describe("what comes from outside breaks no line, and moves no cursor", () => {
	const hostile = 'a\nlevel=error "x" \x1b[31m \u202e = \\ \u2028 \ud800';
	for (const format of ["text", "logfmt", "json"] as const)
		test(format, () => {
			const line = written(format, hostile, { error: hostile, [hostile]: 1 });
			expect(line.indexOf("\n")).toBe(line.length - 1);
			expect(line).not.toMatch(/[\x00-\x09\x0b-\x1f\u202e\u2028\ud800]/);
			if (format === "json") expect(JSON.parse(line).error).toBe(hostile);
			if (format === "logfmt") {
				const [, error = ""] = / error=("(?:[^"\\]|\\.)*")/.exec(line) ?? [];
				expect(JSON.parse(error)).toBe(hostile);
				expect(line.match(/ level=/g)).toHaveLength(1);
			}
		});
});

for (const format of ["text", "logfmt", "json"] as const)
	test(`a line of ${format} fits into a pipe at once, however long its parts are`, () => {
		const long = "\u{1f600}\x1b".repeat(50_000);
		const line = written(format, long, { error: long, of: { it: long } });
		expect(Buffer.byteLength(line)).toBeLessThanOrEqual(4096);
		expect(line.endsWith("\n")).toBe(true);
		if (format === "json") expect(JSON.parse(line).error).toEndWith("...");
	});

for (const how of ["fails", "isClosed", "blocks"] as const)
	test(`what cannot be written is counted, and told of later: ${how}`, () => {
		const lines = new Lines();
		const log = new Log(lines, "logfmt", () => TIME);
		lines[how] = true;
		for (let count = 0; count < 3; count++) log.line("info", "unheard");
		expect({ unwritten: log.unwritten, lines: lines.all }).toEqual({ unwritten: 3, lines: [] });
		lines[how] = false;
		log.line("info", "heard");
		log.line("info", "heard");
		expect(log.unwritten).toBe(3);
		expect(lines.all.map((line) => line.replace(/^time=\S+ /, ""))).toEqual([
			'level=warn message="3 lines of the log could not be written" unwritten=3\n',
			"level=info message=heard\n",
			"level=info message=heard\n",
		]);
	});

test("the format can change from a line to the next", () => {
	const lines = new Lines();
	const log = new Log(lines, "text", () => TIME);
	log.line("info", "a");
	log.format = "json";
	log.line("warn", "b");
	expect(lines.all).toEqual([
		"conntracer: a\n",
		`{"time":"${TIME}","level":"warn","message":"b"}\n`,
	]);
});
