/** Whatever a process is called and however small the window: nothing but records gets out. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { FlowRecord } from "../../src/flow/records.ts";
import { createSink, type SinkOptions } from "../../src/sink/create.ts";
import { TopScreen } from "../../src/sink/top-sink.ts";
import { batch, flow, MemoryOutput, sinkOptions } from "./fixtures.ts";

const { FAST_CHECK_SEED } = process.env;
const SEED = Number(FAST_CHECK_SEED ?? Date.now() % 0x7fffffff);
const RUNS = { seed: SEED, numRuns: 500 };

/** All that the table may tell a terminal: up, clear a line, home, bold, dim, red, plain. */
const ESCAPE = "\x1b";
const TABLE_ESCAPES = new RegExp(String.raw`${ESCAPE}\[(?:\d+F|2K\n?|H|1m|2m|31m|0m)`, "g");

function isDangerous(text: string): boolean {
	if (!text.isWellFormed()) return true;
	return Array.from(text, (c) => c.codePointAt(0) ?? 0).some(
		(code) =>
			code < 0x20 ||
			(code >= 0x7f && code <= 0x9f) ||
			[0x061c, 0x200e, 0x200f, 0x2028, 0x2029].includes(code) ||
			(code >= 0x202a && code <= 0x202e) ||
			(code >= 0x2066 && code <= 0x2069),
	);
}

const nastyUnit = fc.constantFrom(
	..."\x00\x07\b\t\n\v\f\r\x1b\x7f\x80\x85\x9b\x9c\u061c\u200b\u200d\u200f\u2028\u2029\u202e\u2066\u2069",
	..."\ufeff\ud800\udc00\u0301\ufe0f\",;'=+-@\\ []m\u3000\xa0日😀é…",
	"\x1b[2J",
	"\x1b]0;x\x07",
	"👩‍👧",
);
const name = fc.oneof(
	fc.array(nastyUnit, { maxLength: 20 }).map((parts) => parts.join("")),
	fc.string({ unit: "binary", maxLength: 20 }),
);
const address = fc.constantFrom("10.0.0.1", "::1", "2001:db8:85a3:8d3:1319:8a2e:370:7348");
const flows: fc.Arbitrary<FlowRecord[]> = fc.array(
	fc
		.record({
			process: fc.option(name),
			container_id: fc.option(name),
			remote_name: fc.option(name),
			local_address: address,
			remote_address: address,
			last_pid: fc.option(fc.nat()),
			bytes_sent: fc.maxSafeNat(),
			bytes_received: fc.nat(),
			connections_open: fc.nat(),
			direction: fc.constantFrom("active" as const, "passive" as const, null),
		})
		.map(flow),
	{ maxLength: 12 },
);

function outputOf(
	options: Partial<SinkOptions>,
	found: FlowRecord[],
	stdout: MemoryOutput,
): string {
	const sink = createSink(sinkOptions(options), stdout, new MemoryOutput(false));
	sink.flows(batch(found));
	sink.flows(batch(found));
	sink.close();
	return stdout.text;
}

/** RFC 4180, for lines without line breaks in fields. */
function parseCsvLine(line: string): string[] {
	const fields: string[] = [];
	const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
	for (;;) {
		const match = field.exec(line);
		if (match === null) throw new Error(`not CSV: ${JSON.stringify(line)}`);
		fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
		if (match[3] === "") return fields;
	}
}

describe(`whatever comes in (FAST_CHECK_SEED=${SEED})`, () => {
	const size = fc.record({
		columns: fc.integer({ min: 1, max: 220 }),
		rows: fc.integer({ min: 2, max: 30 }),
	});

	function expectFrames({ writes, size: { columns, rows } }: MemoryOutput): void {
		for (const frame of writes) {
			const lines = frame.replace(TABLE_ESCAPES, "").split("\n");
			expect(lines.length - 1).toBeLessThan(rows);
			for (const line of lines) {
				expect(isDangerous(line)).toBe(false);
				expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
			}
		}
	}

	test("a terminal gets text that fits it, and the table's own escapes only", () => {
		fc.assert(
			fc.property(flows, size, fc.boolean(), (found, { columns, rows }, color) => {
				const stdout = new MemoryOutput(true, columns, rows);
				outputOf({ color, dns: color }, found, stdout);
				expectFrames(stdout);
			}),
			RUNS,
		);
	});

	test("so does one with keys, of processes and of connections", () => {
		fc.assert(
			fc.property(flows, size, fc.boolean(), (found, { columns, rows }, color) => {
				const stdout = new MemoryOutput(true, columns, rows);
				const options = { ...sinkOptions({ color, dns: color }), by: "process" } as const;
				const screen = new TopScreen(options, stdout, new MemoryOutput(false));
				screen.flows(batch(found));
				for (const key of "pcl") screen.press(key);
				expectFrames(stdout);
			}),
			RUNS,
		);
	});

	test("a wide table takes no more lines than there are", () => {
		fc.assert(
			fc.property(flows, fc.integer({ min: 20, max: 120 }), (found, columns) => {
				const stdout = new MemoryOutput(true, columns, 10);
				outputOf({ wide: true }, found, stdout);
				for (const frame of stdout.writes) {
					const lines = frame.replace(TABLE_ESCAPES, "").split("\n").slice(0, -1);
					const least = lines.map((line) =>
						Math.max(1, Math.ceil(Bun.stringWidth(line) / columns)),
					);
					expect(least.reduce((sum, height) => sum + height, 0)).toBeLessThan(10);
					expect(lines.some(isDangerous)).toBe(false);
				}
			}),
			RUNS,
		);
	});

	test("a pipe gets a line per flow, with as many fields as the header", () => {
		fc.assert(
			fc.property(flows, (found) => {
				const lines = outputOf({}, found, new MemoryOutput(false)).split("\n");
				expect(lines).toHaveLength(1 + 2 * found.length + 1);
				for (const line of lines.slice(0, -1)) {
					expect(isDangerous(line)).toBe(false);
					expect(line.split(/ +/)).toHaveLength(17);
				}
			}),
			RUNS,
		);
	});

	test("CSV parses, line by line, and no field is a formula", () => {
		fc.assert(
			fc.property(flows, (found) => {
				const options = { format: "csv", columns: ["process", "pid", "remote", "sent"] } as const;
				const text = outputOf({ ...options, header: false }, found, new MemoryOutput(false));
				const lines = text.split("\n").slice(0, -1);
				expect(lines).toHaveLength(2 * found.length);
				lines.forEach((line, i) => {
					const fields = parseCsvLine(line);
					const { process, last_pid, bytes_sent } = found[i % found.length] ?? flow();
					expect(isDangerous(line)).toBe(false);
					expect(fields).toHaveLength(4);
					expect(fields[0]).not.toMatch(/^[=+\-@]/);
					expect(fields[1]).toBe(last_pid === null ? "" : String(last_pid));
					expect(fields[3]).toBe(String(bytes_sent));
					if (process !== null && /^[a-z",; ]*$/.test(process)) expect(fields[0]).toBe(process);
				});
			}),
			RUNS,
		);
	});

	test("JSON round-trips, line by line", () => {
		fc.assert(
			fc.property(flows, (found) => {
				const text = outputOf(
					{ format: "json", aggregate: "connection" },
					found,
					new MemoryOutput(false),
				);
				const lines = text.split("\n").slice(0, -1);
				expect(lines.some(isDangerous)).toBe(false);
				expect(lines.map((line) => JSON.parse(line))).toEqual([...found, ...found]);
			}),
			RUNS,
		);
	});
});
