import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const PROGRAM = `'${process.execPath}' '${join(import.meta.dir, "..", "..", "src", "main.ts")}'`;

/** Runs a line of bash, in which `conntracer` is the program. */
function shell(line: string) {
	const script = `set -o pipefail; conntracer() { ${PROGRAM} "$@"; }; ${line}`;
	const { exitCode, stdout, stderr } = Bun.spawnSync(["bash", "-c", script]);
	return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe("the process", () => {
	test("ends with the exit code, its error on standard error", () => {
		expect(shell("conntracer --interval potato")).toEqual({
			code: 2,
			stdout: "",
			stderr:
				'conntracer: --interval "potato" is not a duration (write for example 250ms, 2s or 1m)\n',
		});
	});

	test("ends with 0 if nobody reads its output", () => {
		expect(shell("conntracer --help | true")).toEqual({ code: 0, stdout: "", stderr: "" });
	});

	test("says so in one line if its output cannot be written", () => {
		const { code, stderr } = shell("conntracer --help >/dev/full");
		expect(stderr).toMatch(/^conntracer: ENOSPC[^\n]*\n$/);
		expect(code).toBe(1);
	});
});
