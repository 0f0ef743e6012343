import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./harness.ts";

/** Written by `conntracer … --help` and read by a person; a change of help is a change of these. */
const golden = (name: string): string =>
	readFileSync(join(import.meta.dir, "golden", name), "utf8");

describe("help goes to standard output, fits 80 columns, and ends with exit code 0", () => {
	for (const [line, name] of [
		["--help", "help.txt"],
		["-h", "help.txt"],
		["--help --frobnicate", "help.txt"],
		["watch --help", "watch-help.txt"],
		["watch -vh", "watch-help.txt"],
		["top --help", "top-help.txt"],
		["accounting --help", "accounting-help.txt"],
		["dns --help", "dns-help.txt"],
		["serve --help", "serve-help.txt"],
		["doctor --help", "doctor-help.txt"],
		["completion --help", "completion-help.txt"],
	] as const) {
		test(`conntracer ${line}`, async () => {
			const { code, stdout, stderr, opened } = await run(line.split(" "));
			expect(stdout).toBe(golden(name));
			expect(Math.max(...stdout.split("\n").map((text) => text.length))).toBeLessThanOrEqual(80);
			expect({ code, stderr, opened }).toEqual({ code: 0, stderr: "", opened: [] });
		});
	}
});

test("every option of the contract that is about flows is in the help", async () => {
	const { stdout } = await run(["watch", "--help"]);
	const options = `-i, --interval -n, --count -d, --duration -o, --output --json --columns --sort
		--no-header --wide -p, --pid --process --cgroup --container --uid --netns --local --remote
		--local-port --remote-port --port -4, -6, --transport --direction --aggregate --failed --hooks
		--max-connections --max-flows --btf --libbpf --strict --summary -v, --verbose --config --no-color`;
	for (const option of options.split(/\s+/)) expect(stdout).toContain(` ${option} `);
});

describe("the version stands alone on standard output", () => {
	for (const line of ["--version", "-V", "watch --version"]) {
		test(`conntracer ${line}`, async () => {
			const { code, stdout, stderr } = await run(line.split(" "));
			expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "1.2.3\n", stderr: "" });
		});
	}
});
