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

	test("exclusions, as a table and as a list; flags and the environment take their place", async () => {
		const tables = file(`
			exclude-local = ["127.0.0.1 tcp 1", "127.0.0.1 2"]
			[exclude-remote]
			"10.0.0.0/8" = [80, "udp 53", "8000-8100,tcp 22"]
			"*" = "tcp 7"
		`);
		const excluded = async (env: Record<string, string>, ...argv: string[]) => {
			const { filter } = await openedWith(["--config", tables, ...argv], env);
			const to = (remote_address: string, remote_port: number, more: object = {}) =>
				!filter?.matches({
					...FILTER_SUBJECT,
					transport: "tcp",
					remote_address,
					remote_port,
					...more,
				});
			return [
				to("10.0.0.1", 80),
				to("10.0.0.1", 8050),
				to("10.0.0.1", 22),
				to("192.0.2.1", 7),
				to("192.0.2.1", 80, { local_address: "127.0.0.1", local_port: 2 }),
				to("192.0.2.9", 9),
			];
		};
		expect(await excluded({})).toEqual([true, true, true, true, true, false]);
		const env = { CONNTRACER_EXCLUDE_REMOTE: "192.0.2.9,10.0.0.1 22" };
		expect(await excluded(env)).toEqual([false, false, true, false, true, true]);
		const flags = ["--exclude-remote", "10.0.0.1 80", "--exclude-remote", "192.0.2.1"];
		expect(await excluded(env, ...flags)).toEqual([true, false, false, true, true, false]);
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
			"a table of what has none",
			'[remote]\n"10.0.0.0/8" = ["80"]',
			': remote is neither a text, a number, true or false, nor a list of these (write for example remote = "…")',
		],
		[
			"mistyped table",
			'[exclude-remot]\n"10.0.0.0/8" = ["80"]',
			': "exclude-remot" is not an option (did you mean exclude-remote?)',
		],
		[
			"an option below the head of a table",
			'[exclude-remote]\n"10.0.0.0/8" = ["80"]\ninterval = "2s"',
			': exclude-remote: "interval" does not belong into this table (write the option interval above the first [table])',
		],
		[
			"a mistyped option there",
			'[exclude-remote]\nintervall = "2s"',
			': exclude-remote: "intervall" does not belong into this table (write the option interval above the first [table])',
		],
		[
			"two addresses of a rule",
			'[exclude-local]\n"10.0.0.1,10.0.0.2" = [80]',
			': exclude-local: "10.0.0.1,10.0.0.2" has a comma (give each a line of its own)',
		],
		[
			"an address without quotes",
			"[exclude-local]\n10.0.0.1 = [80]",
			': exclude-local: "10" is a table of its own (write keys in quotes: "10.0.0.1" = [80])',
		],
		[
			"no ports of a rule",
			'[exclude-local]\n"10.0.0.1" = []',
			': exclude-local: "10.0.0.1" is neither a text, a number, true or false, nor a list of these (write for example "10.0.0.1" = "…")',
		],
		[
			"a wrong rule",
			'[exclude-local]\n"10.0.0.1" = [80, 0]',
			': exclude-local "10.0.0.1 0" has a wrong port: it is out of range: ports are 1 to 65535 (for example: "10.0.0.0/8", "10.0.0.1 80,8000-8100" or "* udp 53")',
		],
		[
			"a rule that leaves nothing",
			'[exclude-local]\n"*" = "*"',
			': exclude-local "* *" leaves nothing (name a port or a protocol: "* 53", "* udp 53", "* udp *")',
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

	for (const [what, text, line] of [
		["the first line", "interval = = 2", 1],
		["a later one", 'interval = "1s"\n\n# 3\ncount = 1 2\nwide = true\n', 4],
		["a list without an end", "count = 1\npid = [1,\n2,\n3\n", 2],
		[
			"a list over several lines, where that begins",
			"count = 1\npid = [\n1,\n2\n]]\nwide = true",
			2,
		],
		["a name twice", "count = 1\nwide = true\ncount = 2", 3],
	] as const)
		test(`what is not TOML, in ${what}`, async () => {
			const path = file(text);
			const { code, stderr } = await run(["--config", path]);
			expect(stderr).toStartWith(`conntracer: ${path}: line ${line}: TOML Parse error: `);
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
