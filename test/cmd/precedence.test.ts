import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FILTER_SUBJECT, run } from "./harness.ts";

const directory = mkdtempSync(join(tmpdir(), "conntracer-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function file(text: string): string {
	const path = join(directory, `${++files}.toml`);
	writeFileSync(path, text);
	return path;
}

async function openedWith(argv: readonly string[], env: Record<string, string> = {}) {
	const { code, stderr, opened } = await run(argv, { env });
	const [options] = opened;
	if (options === undefined) throw new Error(`exit code ${code}: ${stderr}`);
	return options;
}

describe("the command line beats the environment, which beats the file", () => {
	const config = ["--config", file('interval = "1m"')];
	const env = { CONNTRACER_INTERVAL: "2s" };
	for (const [name, argv, environment, expected] of [
		["none of them", [], {}, 1000],
		["file", config, {}, 60_000],
		["environment", [], env, 2000],
		["environment and file", config, env, 2000],
		["all", [...config, "-i", "3s"], env, 3000],
		["an empty variable is not set", config, { CONNTRACER_INTERVAL: "" }, 60_000],
	] as const) {
		test(name, async () => {
			expect((await openedWith(argv, { ...environment })).intervalMs).toBe(expected);
		});
	}
});

test("a shorthand beats what it is short for in a lower place", async () => {
	const config = file('output = "csv"\nfamily = "ipv6"');
	const { stdout } = await run(["--json", "--config", config]);
	expect(stdout).toStartWith('{"type":"ready"');
	const { filter } = await openedWith(["-4", "--config", config]);
	const base = { family: "ipv4", transport: "tcp" } as const;
	expect(filter?.matches({ ...FILTER_SUBJECT, ...base })).toBe(true);
});

describe("every long option can stand in the file", () => {
	test("numbers, texts, lists, true and false", async () => {
		const config = file(`
			interval = 0.5
			max-connections = "64k"
			max-flows = 10
			pid = [1, 2]
			process = ["a", "b"]
			local-port = "80,443"
			verbose = true
			summary = false
			json = true
			btf = "/dev/null"
		`);
		const options = await openedWith(["--config", config]);
		expect(options).toMatchObject({
			intervalMs: 500,
			maxConnections: 65_536,
			maxFlows: 10,
			bpfStats: true,
			btfPath: "/dev/null",
		});
		expect(options.filter?.needs).toEqual({ ports: true, pid: true, uid: false });
	});

	test("the path of the file may come from the environment", async () => {
		const env = { CONNTRACER_CONFIG: file('interval = "7s"') };
		expect((await openedWith([], env)).intervalMs).toBe(7000);
	});
});

describe("a file that is wrong is wrong use", () => {
	for (const [name, text, message] of [
		["mistyped key", "intervall = 1", ': "intervall" is not an option (did you mean interval?)'],
		[
			"unknown key",
			"colour = 1",
			': "colour" is not an option (keys are the long options of conntracer --help)',
		],
		[
			"a file in a file",
			'config = "x"',
			': "config" is not an option (keys are the long options of conntracer --help)',
		],
		[
			"bad value",
			'interval = "x"',
			': interval "x" is not a duration (write for example 250ms, 2s or 1m)',
		],
		["bad flag", "wide = 2", ': wide "2" is neither true nor false (write true or false)'],
		[
			"table",
			"[watch]\ninterval = 1",
			': "watch" is not an option (keys are the long options of conntracer --help)',
		],
		[
			"nested",
			"pid = [[1]]",
			': pid is neither a text, a number, true or false, nor a list of these (write for example pid = "…")',
		],
		[
			"contradiction",
			"ipv4 = true\nipv6 = true",
			`: ipv4 and PATH: ipv6 contradict each other (give only one of them)`,
		],
	] as const) {
		test(name, async () => {
			const path = file(text);
			const { code, stderr } = await run(["--config", path]);
			expect(stderr.replaceAll(path, "PATH")).toBe(`conntracer: PATH${message}\n`);
			expect(code).toBe(2);
		});
	}

	test("what is not TOML", async () => {
		const { code, stderr } = await run(["--config", file("interval = = 2")]);
		expect(stderr).toEndWith(' (lines look like this: interval = "2s")\n');
		expect(code).toBe(2);
	});

	test("errors are JSON if the file asks for JSON", async () => {
		const { code, stderr } = await run(["--config", file('output = "json"\nsort = "nope"')]);
		expect(JSON.parse(stderr)).toMatchObject({ type: "error", code: "usage" });
		expect(code).toBe(2);
	});
});

describe("an error names the variable that is wrong", () => {
	for (const [name, text, message] of [
		[
			"CONNTRACER_INTERVAL",
			"x",
			'CONNTRACER_INTERVAL "x" is not a duration (write for example 250ms, 2s or 1m)',
		],
		[
			"CONNTRACER_MAX_FLOWS",
			"x",
			'CONNTRACER_MAX_FLOWS "x" is not a size (write for example 50000, 64k or 1m)',
		],
		[
			"CONNTRACER_NO_HEADER",
			"x",
			'CONNTRACER_NO_HEADER "x" is neither true nor false (write true or false)',
		],
		[
			"CONNTRACER_CONFIG",
			"/no/x",
			'CONNTRACER_CONFIG "/no/x" cannot be read: ENOENT: no such file or directory (write the path of a TOML file)',
		],
	] as const) {
		test(name, async () => {
			const { code, stderr } = await run([], { env: { [name]: text } });
			expect(stderr).toBe(`conntracer: ${message}\n`);
			expect(code).toBe(2);
		});
	}
});
