/** Whatever a process is called: one line for each event, and nothing in it that is not text. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { EventRecord } from "../../src/flow/records.ts";
import { createEventSink, type EventSinkOptions } from "../../src/sink/event-sink.ts";
import { parseCsv } from "../support/csv.ts";
import { event, eventBatch, eventSinkOptions } from "./event-fixtures.ts";
import { MemoryOutput } from "./fixtures.ts";

const { FAST_CHECK_SEED } = process.env;
const SEED = Number(FAST_CHECK_SEED ?? Date.now() % 0x7fffffff);
const RUNS = { seed: SEED, numRuns: 300 };

const DANGEROUS = /\p{Cc}|\p{Zl}|\p{Zp}|\p{Cs}|\p{Bidi_Control}/u;
/** Red, bold, plain. */
const COLORS = /\x1b\[(?:31|1|0)m/g;

const name = fc.oneof(
	fc
		.array(fc.constantFrom(..."\x00\n\r\x1b\x7f\x9b\u2028\u202e\u2066\ud800,\"'=- \u3000日😀a"), {
			maxLength: 15,
		})
		.map((parts) => parts.join("")),
	fc.string({ unit: "binary", maxLength: 15 }),
);
const address = fc.constantFrom("10.0.0.1", "::1", "2001:db8:85a3:8d3:1319:8a2e:370:7348");
const events: fc.Arbitrary<EventRecord[]> = fc.array(
	fc
		.record({
			process: fc.option(name),
			executable: fc.option(name),
			command_line: fc.option(name),
			remote_name: fc.option(name),
			local_address: address,
			remote_address: fc.option(address),
			duration_ms: fc.option(fc.double({ min: 0, max: 1e12, noNaN: true })),
			bytes_sent: fc.maxSafeNat(),
			error: fc.option(fc.constant("ECONNRESET")),
		})
		.map((changes) => event(changes)),
	{ maxLength: 12 },
);

function linesOf(
	options: Partial<EventSinkOptions>,
	found: EventRecord[],
	stdout = new MemoryOutput(false),
): string[] {
	const sink = createEventSink(eventSinkOptions(options), stdout, new MemoryOutput(false));
	sink.events(eventBatch(found));
	const lines = stdout.text.replace(COLORS, "").split("\n");
	expect(lines.pop()).toBe("");
	for (const line of lines) expect(line).not.toMatch(DANGEROUS);
	return lines;
}

const COLUMNS = ["event", "process", "executable", "command_line", "remote_name", "remote", "sent"];

describe(`whatever comes in (FAST_CHECK_SEED=${SEED})`, () => {
	test("JSON round-trips, line by line", () => {
		fc.assert(
			fc.property(events, (found) => {
				const lines = linesOf({ format: "json" }, found);
				expect(lines.map((line) => JSON.parse(line))).toEqual(found);
			}),
			RUNS,
		);
	});

	test("a pipe gets a line for each event, with as many fields as the header", () => {
		fc.assert(
			fc.property(events, (found) => {
				const lines = linesOf({ columns: COLUMNS }, found);
				expect(lines).toHaveLength(1 + found.length);
				for (const line of lines) expect(line.trim().split(/ +/)).toHaveLength(COLUMNS.length);
			}),
			RUNS,
		);
	});

	test("CSV parses, and no field is a formula", () => {
		fc.assert(
			fc.property(events, (found) => {
				const lines = linesOf({ format: "csv", columns: COLUMNS, header: false }, found);
				const rows = parseCsv(lines.map((line) => `${line}\n`).join(""));
				expect(rows).toHaveLength(found.length);
				for (const [i, row] of rows.entries()) {
					expect(row).toHaveLength(COLUMNS.length);
					expect(row.join("\n")).not.toMatch(/^[=+\-@]/m);
					expect(row.at(-1)).toBe(String(found[i]?.bytes_sent));
				}
			}),
			RUNS,
		);
	});

	test("a terminal gets lines that fit it", () => {
		fc.assert(
			fc.property(
				events,
				fc.integer({ min: 1, max: 200 }),
				fc.boolean(),
				(found, columns, color) => {
					const stdout = new MemoryOutput(true, columns, 40);
					const lines = linesOf({ color }, found, stdout);
					expect(lines).toHaveLength(found.length === 0 ? 0 : 1 + found.length);
					for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
				},
			),
			RUNS,
		);
	});
});
