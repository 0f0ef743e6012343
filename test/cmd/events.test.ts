import { describe, expect, test } from "bun:test";
import { PermissionError } from "../../src/errors.ts";
import type { GapRecord } from "../../src/flow/records.ts";
import { event, eventBatch, REFUSED } from "../sink/event-fixtures.ts";
import { GAP } from "../sink/fixtures.ts";
import { runEvents, ScriptedEvents } from "./events-harness.ts";
import { jsonLines } from "./harness.ts";

const DROPPED: GapRecord = { ...GAP, stage: "ring_buffer", hint: null };
const numbered = (...ids: number[]) => eventBatch(ids.map((id) => event({ id: String(id) })));
const idsOf = (stdout: string): unknown[] =>
	jsonLines(stdout)
		.filter(({ type }) => type === "event")
		.map((record) => record["id"]);
const typesOf = (stdout: string): unknown[] => jsonLines(stdout).map((record) => record["type"]);

describe("a run of events", () => {
	test("shows what the tracer yields, and ends with the summary", async () => {
		const tracer = new ScriptedEvents(
			[numbered(1, 2), eventBatch([event({ id: "3" })], [DROPPED])],
			numbered(4),
		);
		const { code, stdout, stderr } = await runEvents(["--json", "--summary"], {
			open: () => tracer,
		});
		expect(typesOf(stdout)).toEqual(
			["ready", "event", "event", "event", "gap"].concat("event", "summary"),
		);
		expect(idsOf(stdout)).toEqual(["1", "2", "3", "4"]);
		expect({ code, stderr, closed: tracer.closed }).toEqual({ code: 0, stderr: "", closed: 1 });
	});

	for (const [count, ids, taken] of [
		[1, ["1"], 1],
		[2, ["1", "2"], 1],
		[3, ["1", "2", "3"], 2],
		[5, ["1", "2", "3", "4", "5"], 2],
		[9, ["1", "2", "3", "4", "5", "6"], 3],
	] as const) {
		test(`of -n ${count} events ends as soon as it has them, in the middle of a batch, too`, async () => {
			const tracer = new ScriptedEvents([numbered(1, 2), numbered(3, 4, 5)], numbered(6));
			const { stdout } = await runEvents(["--json", "--summary", "-n", `${count}`], {
				open: () => tracer,
			});
			expect(idsOf(stdout)).toEqual([...ids]);
			expect(typesOf(stdout).at(-1)).toBe("summary");
			expect({ taken: tracer.taken, closed: tracer.closed }).toEqual({ taken, closed: 1 });
		});
	}

	test("ends cleanly when it is told to, with the rest", async () => {
		const end = new AbortController();
		const tracer = new ScriptedEvents([numbered(1), numbered(2)], numbered(3));
		tracer.beforeBatch = (index) => {
			if (index === 1) end.abort();
		};
		const { code, stdout } = await runEvents(["--json"], {
			signal: end.signal,
			open: () => tracer,
		});
		expect(idsOf(stdout)).toEqual(["1", "3"]);
		expect({ code, closed: tracer.closed }).toEqual({ code: 0, closed: 1 });
	});

	test("ends after --duration, with the rest", async () => {
		const tracer = new ScriptedEvents([numbered(1)], numbered(2));
		tracer.waits = true;
		const { code, stdout } = await runEvents(["--json", "-d", "10ms"], { open: () => tracer });
		expect(idsOf(stdout)).toEqual(["1", "2"]);
		expect({ code, closed: tracer.closed }).toEqual({ code: 0, closed: 1 });
	});

	test("that breaks in the middle closes the tracer", async () => {
		const tracer = new ScriptedEvents([numbered(1), numbered(2)]);
		tracer.beforeBatch = (index) => {
			if (index === 1) throw new Error("boom");
		};
		const { code, stdout } = await runEvents(["--json"], { open: () => tracer });
		expect(idsOf(stdout)).toEqual(["1"]);
		expect({ code, closed: tracer.closed }).toEqual({ code: 1, closed: 1 });
	});

	test("without rights says so and has no output", async () => {
		const { code, stdout, stderr } = await runEvents(["--json"], {
			open: () => {
				throw new PermissionError("load the BPF programs", ["CAP_BPF"]);
			},
		});
		expect({ code, stdout, error: JSON.parse(stderr)["code"] }).toEqual({
			code: 3,
			stdout: "",
			error: "permission",
		});
	});
});

describe("with --failed", () => {
	test("an event is an attempt that failed, or an end with an error", async () => {
		const tracer = new ScriptedEvents([
			eventBatch([
				event({ id: "1", event: "connect" }),
				event({ id: "2" }),
				{ ...REFUSED, id: "3" },
				event({ id: "4", error: "ECONNRESET", close_reason: "reset_received" }),
				event({ id: "5", event: "accept" }),
				event({ id: "6", error: "ETIMEDOUT", close_reason: "timeout" }),
			]),
		]);
		const { stdout } = await runEvents(["--json", "--failed"], { open: () => tracer });
		expect(idsOf(stdout)).toEqual(["3", "4", "6"]);
	});

	test("-n counts what is shown", async () => {
		const mixed = eventBatch([event({ id: "1" }), { ...REFUSED, id: "2" }, event({ id: "3" })]);
		const tracer = new ScriptedEvents([mixed, mixed, mixed]);
		const { stdout } = await runEvents(["--json", "--failed", "-n", "2"], { open: () => tracer });
		expect(idsOf(stdout)).toEqual(["2", "2"]);
		expect(tracer.taken).toBe(2);
	});

	test("a batch without failures shows its gaps", async () => {
		const tracer = new ScriptedEvents([eventBatch([event()], [DROPPED])]);
		const { stdout } = await runEvents(["--json", "--failed"], { open: () => tracer });
		expect(typesOf(stdout)).toEqual(["ready", "gap"]);
	});
});

describe("a loss of events", () => {
	for (const [argv, lost, expected] of [
		[["--strict"], {}, 0],
		[["--strict"], { ring_buffer: 1 }, 6],
		[["--strict", "-n", "1"], { program: 1 }, 6],
		[[], { ring_buffer: 1 }, 0],
	] as const) {
		test(`${JSON.stringify(lost)} with ${argv.join(" ")}: exit code ${expected}`, async () => {
			const tracer = new ScriptedEvents([eventBatch([event()], [DROPPED])]);
			tracer.lost = lost;
			expect((await runEvents(argv, { open: () => tracer })).code).toBe(expected);
		});
	}

	test("is a line on standard error where standard output is a table or CSV", async () => {
		for (const format of ["table", "csv"]) {
			const tracer = new ScriptedEvents([eventBatch([event()], [DROPPED])]);
			const { stdout, stderr } = await runEvents(["-o", format], { open: () => tracer });
			expect(stdout).not.toContain("LOST");
			expect(stderr).toContain("LOST 4000 events were dropped: the ring buffer was full");
		}
	});
});
