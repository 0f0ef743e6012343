import { describe, expect, test } from "bun:test";
import type { Keyboard } from "../../src/cmd/command.ts";
import { batch, flow, gap, jsonLines, run, ScriptedTracer, type World } from "./harness.ts";

const IDLE = {
	...{ connections_opened: 0, connections_closed: 0, connections_open: 3 },
	...{ bytes_sent: 0, bytes_received: 0 },
};
const CURL = flow({ process: "curl", last_pid: 7, local_port: 40_000, bytes_sent: 900 });
const SSHD = flow({ ...IDLE, process: "sshd", last_pid: 9, local_port: 22 });

/** A keyboard on which a test types. */
class TestKeyboard implements Keyboard {
	listening = 0;
	#onTyped: (text: string) => void = () => {};

	listen(onTyped: (text: string) => void): Disposable {
		this.listening++;
		this.#onTyped = onTyped;
		return {
			[Symbol.dispose]: () => {
				this.listening--;
			},
		};
	}

	type(text: string): void {
		if (this.listening !== 1) throw new Error("nobody listens");
		this.#onTyped(text);
	}
}

function rowsOf(stdout: string): Record<string, unknown>[] {
	return jsonLines(stdout).filter(({ type }) => type === "process" || type === "flow");
}

describe("what the kernel is asked for", () => {
	for (const [words, aggregate] of [
		[[], "process"],
		[["--by", "process"], "process"],
		[["--by", "connection"], "connection"],
	] as const)
		test(`top ${words.join(" ")}: flows of the key ${aggregate}, owners kept apart`, async () => {
			const { opened } = await run(["top", ...words]);
			expect(opened).toMatchObject([{ aggregate, byOwner: true, intervalMs: 2000 }]);
		});

	test("with keys, single connections, as a key may ask for them", async () => {
		const world = { isTerminal: true, keyboard: new TestKeyboard() };
		expect((await run(["top"], world)).opened).toMatchObject([{ aggregate: "connection" }]);
	});

	test("watch does not keep owners apart", async () => {
		expect((await run(["watch"])).opened).toMatchObject([{ byOwner: false }]);
	});
});

describe("records", () => {
	const flows = [flow({ ...CURL, remote_address: "10.0.0.9", bytes_sent: 100 }), SSHD, CURL];

	test("are processes", async () => {
		const tracer = new ScriptedTracer([batch(flows)]);
		const { stdout } = await run(["top", "--json"], { openFlowTracer: () => tracer });
		expect(rowsOf(stdout)).toMatchObject([
			{ type: "process", pid: 7, bytes_sent: 1000, sent_bytes_per_second: 1000 },
			{ type: "process", pid: 9, connections_open: 3 },
		]);
	});

	test("are connections", async () => {
		const tracer = new ScriptedTracer([batch(flows)]);
		const { stdout } = await run(["top", "--by", "connection", "--json", "--sort", "open"], {
			openFlowTracer: () => tracer,
		});
		expect(rowsOf(stdout)).toMatchObject([
			{ type: "flow", last_pid: 9, sent_bytes_per_second: 0 },
			{ type: "flow", last_pid: 7, remote_address: "10.0.0.2", sent_bytes_per_second: 900 },
			{ type: "flow", last_pid: 7, remote_address: "10.0.0.9", sent_bytes_per_second: 100 },
		]);
	});

	test("ready comes first, then rows and gaps, the summary last where it is asked for", async () => {
		const tracer = new ScriptedTracer([batch([CURL], [gap(2)])]);
		const { stdout } = await run(["top", "--json", "--summary"], { openFlowTracer: () => tracer });
		const types = jsonLines(stdout).map(({ type }) => type);
		expect(types).toEqual(["ready", "process", "gap", "summary"]);
	});

	test("of an interval that was cut short have all that a process has open", async () => {
		const end = new AbortController();
		const open = flow({ ...IDLE, last_pid: 7, connections_open: 5 });
		const rest = batch([CURL, open, SSHD]);
		const tracer = new ScriptedTracer([batch([])], rest);
		tracer.beforeBatch = () => end.abort();
		const { stdout } = await run(["top", "--json"], {
			signal: end.signal,
			openFlowTracer: () => tracer,
		});
		expect(rowsOf(stdout)).toMatchObject([{ pid: 7, connections_open: 5 }]);
	});
});

test("--strict ends with exit code 6 if anything was lost", async () => {
	const tracer = new ScriptedTracer();
	tracer.lost = { flow_table: 1 };
	expect((await run(["top", "--strict"], { openFlowTracer: () => tracer })).code).toBe(6);
});

describe("wrong use is found before the kernel is asked", () => {
	for (const [words, message] of [
		[["--by", "service"], '--by "service" is unknown'],
		[["--aggregate", "process"], "--aggregate is not an option of conntracer top"],
		[["--sort", "remote"], '--sort "remote": there is no such column'],
		[["--columns", "remote"], '--columns "remote": there is no such column'],
	] as const)
		for (const world of [{}, { isTerminal: true, keyboard: new TestKeyboard() }])
			test(`${words.join(" ")} ${"keyboard" in world ? "with keys" : ""}`, async () => {
				const { code, stderr, opened } = await run(["top", ...words], world);
				expect(stderr).toStartWith(`conntracer: ${message}`);
				expect({ code, opened }).toEqual({ code: 2, opened: [] });
			});
});

describe("keys", () => {
	/** Types each text before the batch of its index. The last one is to end it. */
	async function typing(...texts: readonly string[]) {
		const keyboard = new TestKeyboard();
		const script = [...texts, ""].map(() => batch([CURL, SSHD]));
		const tracer = new ScriptedTracer(script, batch([flow({ process: "rest" })]));
		let asked = 0;
		tracer.beforeBatch = (index) => {
			asked = index;
			keyboard.type(texts[index] ?? "");
		};
		const world: World = { isTerminal: true, keyboard, openFlowTracer: () => tracer };
		const result = await run(["top", "--no-color"], world);
		return { ...result, asked, keyboard, closed: tracer.closed };
	}

	function firstRow(stdout: string, header: RegExp): string | undefined {
		const lines = stdout.split("\n");
		return lines[lines.findLastIndex((line) => header.test(line)) + 1];
	}

	for (const key of ["q", "Q", "\x03"])
		test(`${JSON.stringify(key)} ends with exit code 0, and leaves the last interval`, async () => {
			const { code, asked, stdout, stderr, keyboard, closed } = await typing("", key);
			expect({ code, asked, closed }).toEqual({ code: 0, asked: 1, closed: 1 });
			expect(keyboard.listening).toBe(0);
			expect(stdout).toContain("curl");
			expect(stdout).not.toContain("rest");
			expect(stderr).toContain("active opens");
		});

	test("c puts who has most open connections first", async () => {
		expect(firstRow((await typing("", "q")).stdout, /^PROCESS/)).toStartWith("curl");
		const { stdout } = await typing("", "c", "q");
		expect(firstRow(stdout, /^PROCESS/)).toStartWith("sshd");
	});

	test("p shows connections", async () => {
		const { stdout } = await typing("", "p", "q");
		expect(firstRow(stdout, /^PROCESS .*REMOTE/)).toContain("10.0.0.1:40000 →   10.0.0.2:443");
	});

	test("arrow keys do nothing", async () => {
		const { code, asked } = await typing("\x1b[A", "\x1b[B", "\x1b", "q");
		expect({ code, asked }).toEqual({ code: 0, asked: 3 });
	});

	test("are let go when the tracer breaks", async () => {
		const keyboard = new TestKeyboard();
		const tracer = new ScriptedTracer([batch([CURL])]);
		tracer.beforeBatch = () => {
			throw new Error("boom");
		};
		const world = { isTerminal: true, keyboard, openFlowTracer: () => tracer };
		expect((await run(["top"], world)).code).toBe(1);
		expect(keyboard.listening).toBe(0);
	});

	for (const [what, words, isTerminal] of [
		["in a pipe", [], false],
		["with JSON on a terminal", ["--json"], true],
		["with CSV on a terminal", ["-o", "csv"], true],
	] as const)
		test(`${what} are not asked for`, async () => {
			const keyboard = {
				listen() {
					throw new Error("nobody types");
				},
			};
			const { code, stdout } = await run(["top", ...words], { isTerminal, keyboard });
			expect(code).toBe(0);
			expect(stdout).not.toContain("q quit");
		});

	test("are not there without a keyboard", async () => {
		const tracer = new ScriptedTracer([batch([CURL])]);
		const world = { isTerminal: true, openFlowTracer: () => tracer };
		const { code, stdout } = await run(["top", "--no-color"], world);
		expect(code).toBe(0);
		expect(stdout).toContain("curl");
		expect(stdout).not.toContain("q quit");
	});
});
