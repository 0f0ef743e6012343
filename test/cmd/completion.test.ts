import { describe, expect, test } from "bun:test";
import { run } from "./harness.ts";

async function completed(typed: string): Promise<string[]> {
	const { code, stdout } = await run(["completion", "words", "--", ...typed.split(" ")]);
	expect(code).toBe(0);
	return stdout.split("\n").filter((word) => word !== "");
}

describe("what a word may become", () => {
	for (const [typed, expected] of [
		["", ["watch", "events", "list", "top", "accounting", "dns", "serve", "doctor", "completion"]],
		["wa", ["watch"]],
		["--int", ["--interval"]],
		["--max", ["--max-connections", "--max-flows"]],
		["watch --js", ["--json"]],
		["watch --he", ["--help"]],
		["watch -o ", ["table", "json", "csv"]],
		["watch --output c", ["csv"]],
		["--json --aggregate ", ["process", "service", "connection"]],
		["watch --interval ", []],
		["watch --verbose --dir", ["--direction"]],
		["watch ", []],
		["completion ", ["bash", "zsh"]],
		["completion --in", []],
	] as const) {
		test(`conntracer ${typed}`, async () => expect(await completed(typed)).toEqual([...expected]));
	}
});

describe("the script is for the shell that is named, or else in use", () => {
	for (const [argv, env, expected] of [
		[["completion", "bash"], { SHELL: "/bin/zsh" }, "complete -o bashdefault"],
		[["completion", "zsh"], {}, "#compdef conntracer"],
		[["completion"], { SHELL: "/usr/bin/zsh" }, "#compdef conntracer"],
		[["completion"], { SHELL: "/bin/sh" }, "complete -o bashdefault"],
		[["completion"], {}, "complete -o bashdefault"],
	] as const) {
		test(`${argv.join(" ")} ${JSON.stringify(env)}`, async () => {
			const { code, stdout } = await run(argv, { env });
			expect(stdout).toContain(expected);
			expect(code).toBe(0);
		});
	}
});

test("bash completes with the script", async () => {
	const { stdout: script } = await run(["completion", "bash"]);
	// In place of the program: answers with the words that it was asked for.
	const program = `conntracer() { printf '<%s>\\n' "$@"; }`;
	const typed = `COMP_WORDS=(conntracer watch --in); COMP_CWORD=2; _conntracer; echo "\${COMPREPLY[*]}"`;
	const { stdout } = Bun.spawnSync(["bash", "-c", `${program}\n${script}\n${typed}`]);
	expect(stdout.toString().trim()).toBe("<completion> <words> <--> <watch> <--in>");
});
