/** Columns of what this machine calls things: in tables and CSV alone, and harmless. */

import { describe, expect, test } from "bun:test";
import type { ConnectionRecord } from "../../src/flow/connection.ts";
import { connectionList } from "../../src/sink/connection-list.ts";
import { createSink } from "../../src/sink/create.ts";
import { createEventSink } from "../../src/sink/event-sink.ts";
import type { LocalNames } from "../../src/sink/local-names.ts";
import { createTopSink, TopScreen } from "../../src/sink/top-sink.ts";
import { event, eventBatch, eventSinkOptions } from "./event-fixtures.ts";
import { batch, flow, MemoryOutput, sinkOptions } from "./fixtures.ts";

const NAMES: LocalNames = {
	userOf: (uid) => (uid === 1000 ? "ann" : null),
	unitOf: (id) => (id === "7" ? "nginx.service" : null),
	serviceOf: (port, transport) => (port === 443 && transport === "tcp" ? "https" : null),
};
const COLUMNS = ["user", "unit", "service"];
const HEADER = `${COLUMNS.join(",")}\n`;
const OURS = { uid: 1000, cgroup_id: "7", transport: "tcp" } as const;

type Options = { format: "table" | "json" | "csv"; columns: string[] | null; wide: boolean };

/** What each command writes of a record, on a terminal of 300 columns or in a pipe. */
const COMMANDS = {
	watch(options: Options, names: LocalNames, output: MemoryOutput, changes: object = {}) {
		const sink = createSink(sinkOptions({ ...options, names }), output, output);
		sink.flows(batch([flow({ ...OURS, ...changes })]));
	},
	"top --by connection"(options: Options, names: LocalNames, output: MemoryOutput, changes = {}) {
		const by = "connection" as const;
		const sink = createTopSink({ ...sinkOptions({ ...options, names }), by }, output, output);
		sink.flows(batch([flow({ ...OURS, ...changes })]));
	},
	events(options: Options, names: LocalNames, output: MemoryOutput, changes: object = {}) {
		const sink = createEventSink(eventSinkOptions({ ...options, names }), output, output);
		sink.events(eventBatch([event({ ...OURS, ...changes })]));
	},
	list(options: Options, names: LocalNames, output: MemoryOutput, changes: object = {}) {
		const write = connectionList({ ...sinkOptions({ ...options, names }) }, output);
		const more = { fd: 1, closing: false, holders: [], type: "connection" };
		const connection = { ...event(OURS), ...more, ...changes } as unknown as ConnectionRecord;
		write([connection], new AbortController().signal);
	},
} as const;

for (const [name, write] of Object.entries(COMMANDS)) {
	const written = (
		options: Partial<Options>,
		{ names = NAMES, terminal = 0, changes = {} } = {},
	): string => {
		const output = new MemoryOutput(terminal > 0, terminal);
		write({ format: "table", columns: null, wide: false, ...options }, names, output, changes);
		return output.text;
	};
	describe(name, () => {
		test("has them in CSV and in tables where they are asked for", () => {
			const csv = (changes: object = {}) =>
				written({ format: "csv", columns: COLUMNS }, { changes }).slice(HEADER.length);
			expect(written({ format: "csv", columns: COLUMNS })).toStartWith(HEADER);
			expect(csv()).toBe("ann,nginx.service,https\n");
			expect(csv({ uid: 1, cgroup_id: "8", transport: "udp" })).toBe(",,\n");
			expect(csv({ uid: null, cgroup_id: null })).toBe(",,https\n");
			const passive = { direction: "passive", local_port: 443, remote_port: 9, listen_port: 443 };
			expect(csv(passive)).toBe("ann,nginx.service,https\n");
			// It is not known which side listens.
			const neither = { direction: null, listen_port: null };
			expect(csv({ ...neither, local_port: 443, remote_port: 443 })).toBe("ann,nginx.service,\n");
			const table = written({ columns: COLUMNS });
			expect(table.split("\n").map((line) => line.split(/ +/))).toEqual([
				["USER", "UNIT", "SERVICE"],
				["ann", "nginx.service", "https"],
				[""],
			]);
		});

		test("has none of them, unless a terminal has room for all", () => {
			const hasNames = (text: string) => /ann|nginx\.service|https|USER|UNIT|SERVICE/.test(text);
			expect(hasNames(written({}))).toBe(false);
			expect(hasNames(written({ wide: true }))).toBe(false);
			expect(hasNames(written({}, { terminal: 400 }))).toBe(false);
			expect(hasNames(written({ format: "json" }))).toBe(false);
			expect(hasNames(written({ format: "csv" }))).toBe(false);
			const wide = written({ wide: true }, { terminal: 400 });
			for (const text of ["ann", "nginx.service", "https", "USER", "UNIT", "SERVICE"])
				expect(wide).toContain(text);
		});

		test("makes them harmless", () => {
			const names: LocalNames = {
				userOf: () => "\x1b[2J\n=1,2",
				unitOf: () => "\u202e",
				serviceOf: () => "a b",
			};
			for (const options of [{ format: "csv" }, {}] as const) {
				const text = written({ ...options, columns: COLUMNS }, { names });
				expect(text.replaceAll("\n", "")).toMatch(/^[ -~]*$/);
				expect(text.split("\n").length).toBe(3);
			}
			const shown = written({ wide: true }, { names, terminal: 400 });
			expect(shown).not.toContain("\x1b[2J\n");
			expect(shown).toContain("\\x1b[2J\\n=1,2");
			expect(shown).toContain("\\u202e");
		});
	});
}

describe("top of processes", () => {
	const options = { ...sinkOptions({ names: NAMES, wide: true }), by: "process" as const };
	const flows = batch([flow(OURS)]);

	test("has users and units, and no services", () => {
		const output = new MemoryOutput(false);
		const columns = ["user", "unit"];
		createTopSink({ ...options, format: "csv", columns }, output, output).flows(flows);
		expect(output.text).toBe("user,unit\nann,nginx.service\n");
		const asking = () =>
			createTopSink({ ...options, format: "csv", columns: ["service"] }, output, output);
		expect(asking).toThrow('--columns "service": there is no such column');
	});

	test("has them on a wide terminal, and so have connections after a key", () => {
		const output = new MemoryOutput(true, 400);
		const screen = new TopScreen(options, output, output);
		screen.flows(flows);
		expect(output.text).toMatch(/USER +UNIT/);
		expect(output.text).toMatch(/ann +nginx\.service/);
		screen.press("p");
		expect(output.writes.at(-1)).toMatch(/ann +nginx\.service +https/);
	});
});

test("a table leaves out those that say nothing", () => {
	const output = new MemoryOutput(true, 400);
	const sink = createSink(sinkOptions({ names: NAMES, wide: true }), output, output);
	sink.flows(batch([flow({ ...OURS, uid: 5 })]));
	expect(output.text).not.toContain("USER");
	expect(output.text).toMatch(/UNIT +SERVICE/);
});
