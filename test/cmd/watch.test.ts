import { describe, expect, test } from "bun:test";
import { LibbpfMissingError, PermissionError, UnsupportedError } from "../../src/errors.ts";
import { batch, flow, gap, jsonLines, run, ScriptedTracer } from "./harness.ts";

const types = (stdout: string): unknown[] => jsonLines(stdout).map((record) => record["type"]);

describe("a run", () => {
	test("shows what the tracer yields, and ends with the summary", async () => {
		const tracer = new ScriptedTracer(
			[batch([flow()]), batch([flow()], [gap(3)])],
			batch([flow()]),
		);
		const { code, stdout, stderr } = await run(["--json", "--summary"], {
			openFlowTracer: () => tracer,
		});
		expect(types(stdout)).toEqual(["ready", "flow", "flow", "gap", "flow", "summary"]);
		expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
		expect(tracer.closed).toBe(1);
	});

	test("of -n intervals has exactly these", async () => {
		const one = batch([flow({ bytes_sent: 100 })]);
		const tracer = new ScriptedTracer([one, one, one, one], batch([flow({ bytes_sent: 5 })]));
		const { stdout } = await run(["--json", "-n", "3"], { openFlowTracer: () => tracer });
		const flows = jsonLines(stdout).filter(({ type }) => type === "flow");
		expect(flows.map((record) => record["bytes_sent"])).toEqual([100, 100, 100]);
	});

	test("ends cleanly when it is told to, with the rest", async () => {
		const end = new AbortController();
		const tracer = new ScriptedTracer([batch([flow()]), batch([flow()])], batch([flow()]));
		tracer.beforeBatch = (index) => {
			if (index === 1) end.abort();
		};
		const { code, stdout } = await run(["--json", "--summary"], {
			signal: end.signal,
			openFlowTracer: () => tracer,
		});
		expect(types(stdout)).toEqual(["ready", "flow", "flow", "summary"]);
		expect({ code, closed: tracer.closed }).toEqual({ code: 0, closed: 1 });
	});

	test("with --failed shows only flows in which something failed", async () => {
		const failed = flow({ process: "failing", connections_failed: 1 });
		const tracer = new ScriptedTracer([batch([flow(), failed])]);
		const { stdout } = await run(["--json", "--failed"], { openFlowTracer: () => tracer });
		const flows = jsonLines(stdout).filter(({ type }) => type === "flow");
		expect(flows.map((record) => record["process"])).toEqual(["failing"]);
	});

	test("writes CSV with chosen columns, and none of the rest to standard output", async () => {
		const tracer = new ScriptedTracer([batch([flow()])]);
		const { stdout, stderr } = await run(["-o", "csv", "--columns", "process,bytes_sent"], {
			openFlowTracer: () => tracer,
		});
		expect(stdout.split(/\r?\n/).filter(Boolean)).toEqual(["process,bytes_sent", "curl,10"]);
		expect(stderr).not.toBe("");
	});

	test("with --no-header writes rows only", async () => {
		const tracer = new ScriptedTracer([batch([flow()])]);
		const { stdout } = await run(["-o", "csv", "--columns", "process", "--no-header"], {
			openFlowTracer: () => tracer,
		});
		expect(stdout.trim()).toBe("curl");
	});
});

describe("a loss", () => {
	for (const [argv, lost, expected] of [
		[["--strict"], {}, 0],
		[["--strict"], { connection_table: 1 }, 6],
		[["--strict"], { program: 1 }, 6],
		[[], { flow_table: 1 }, 0],
	] as const) {
		test(`${JSON.stringify(lost)} with ${argv.join(" ")}: exit code ${expected}`, async () => {
			const tracer = new ScriptedTracer();
			tracer.lost = lost;
			expect((await run(argv, { openFlowTracer: () => tracer })).code).toBe(expected);
		});
	}
});

describe("a tracer that does not open", () => {
	for (const [error, code, line] of [
		[
			new PermissionError("load the BPF programs", ["CAP_BPF", "CAP_PERFMON"]),
			3,
			"load the BPF programs: not permitted without CAP_BPF and CAP_PERFMON (run it as root: sudo conntracer …; or give it what is missing)",
		],
		[new UnsupportedError("BTF", "5.9", "not there", "use --btf"), 4, "BTF: not there (use --btf)"],
		[new LibbpfMissingError("no libbpf", "install it"), 5, "no libbpf (install it)"],
		[
			new TypeError("x is\nnot a function"),
			1,
			"internal error: x is; not a function (this is a bug: please report it, with the output of --verbose)",
		],
	] as const) {
		test(`${error.name}: exit code ${code}`, async () => {
			const openFlowTracer = () => {
				throw error;
			};
			const text = await run([], { openFlowTracer });
			expect({ code: text.code, stderr: text.stderr }).toEqual({
				code,
				stderr: `conntracer: ${line}\n`,
			});
			const json = await run(["--json"], { openFlowTracer });
			expect(JSON.parse(json.stderr)["type"]).toBe("error");
			expect(json.stdout).toBe("");
		});
	}

	test("with --verbose its stack follows", async () => {
		const openFlowTracer = () => {
			throw new UnsupportedError("BTF", null, "not there", "use --btf");
		};
		const { stderr } = await run(["-v"], { openFlowTracer });
		expect(stderr).toContain("watch.test.ts");
	});
});

test("a tracer that breaks in the middle is closed", async () => {
	const tracer = new ScriptedTracer([batch([flow()]), batch([flow()])]);
	tracer.beforeBatch = (index) => {
		if (index === 1) throw new Error("boom");
	};
	const { code, stdout } = await run(["--json"], { openFlowTracer: () => tracer });
	expect(types(stdout)).toEqual(["ready", "flow"]);
	expect({ code, closed: tracer.closed }).toEqual({ code: 1, closed: 1 });
});
