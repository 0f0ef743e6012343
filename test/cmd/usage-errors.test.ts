import { describe, expect, test } from "bun:test";
import { PermissionError } from "../../src/errors.ts";
import { run } from "./harness.ts";

const HELP = "(see conntracer watch --help)";
const DURATION = "(write for example 250ms, 2s or 1m)";
const NETNS = "(write an inode number, or a path such as /run/netns/NAME or /proc/PID/ns/net)";
const CONTAINER =
	"(write at least its first 12 hexadecimal digits, as docker ps or crictl ps show them)";

/** A command line, and the one line that it gets for an answer. */
const CASES: readonly (readonly [string, string])[] = [
	["--interval potato", `--interval "potato" is not a duration ${DURATION}`],
	["-i potato", `--interval "potato" is not a duration ${DURATION}`],
	["-ipotato", `--interval "potato" is not a duration ${DURATION}`],
	["--interval=2d", `--interval "2d" is not a duration ${DURATION}`],
	["-i -1", `--interval "-1" is not a duration ${DURATION}`],
	["-i 9ms", '--interval "9ms" is out of range (write 10ms to 24h)'],
	["-i 0", '--interval "0" is out of range (write 10ms to 24h)'],
	["-i 25h", '--interval "25h" is out of range (write 10ms to 24h)'],
	["--duration 577h", '--duration "577h" is out of range (write 10ms to 576h)'],
	["--interval", `--interval needs a value ${HELP}`],
	["--interval --wide", `--interval needs a value ${HELP}`],
	["--interval=", `--interval needs a value ${HELP}`],
	["-n 0", '--count "0" is out of range (write 1 to 2147483647)'],
	["-n 1.5", '--count "1.5" is not a whole number (write 1 to 2147483647)'],
	["-p 1,x", '--pid "x" is not a whole number (write 1 to 4194304)'],
	["-p 1,,2", '--pid "" is empty (write a value, or leave the option out)'],
	["-p 0", '--pid "0" is out of range (write 1 to 4194304)'],
	["--max-connections 0", '--max-connections "0" is out of range (write 1 to 16777216)'],
	["--max-connections 17m", '--max-connections "17m" is out of range (write 1 to 16777216)'],
	["--max-flows many", '--max-flows "many" is not a size (write for example 50000, 64k or 1m)'],
	["--uid no_such_user", '--uid "no_such_user" is not a local user (write the number: id -u NAME)'],
	["--uid 4294967295", '--uid "4294967295" is out of range (write 0 to 4294967294)'],
	["--netns /", `--netns "/" is not a network namespace that this user can see ${NETNS}`],
	["--netns blue", `--netns "blue" is not a network namespace that this user can see ${NETNS}`],
	["--cgroup 0", '--cgroup "0" is out of range (write a cgroup id, or a path)'],
	[
		"--cgroup 18446744073709551616",
		'--cgroup "18446744073709551616" is out of range (write a cgroup id, or a path)',
	],
	["--container web", `--container "web" is not a container id ${CONTAINER}`],
	["--output yaml", '--output "yaml" is unknown (choose one of table, json, csv)'],
	["-ojsno", '--output "jsno" is unknown (did you mean json?)'],
	["--aggregate proces", '--aggregate "proces" is unknown (did you mean process?)'],
	["--direction up", '--direction "up" is unknown (choose one of active, passive)'],
	["--hooks uprobe", '--hooks "uprobe" is unknown (did you mean kprobe?)'],
	["--wide=maybe", '--wide "maybe" is neither true nor false (write true or false)'],
	["--btf /no/such/file", '--btf "/no/such/file" cannot be read (write the path of a file)'],
	[
		"--config /no/such/file",
		'--config "/no/such/file" cannot be read: ENOENT: no such file or directory (write the path of a TOML file)',
	],
	["-4 -6", "--ipv4 and --ipv6 contradict each other (give only one of them)"],
	["-4 --family ipv6", "--family and --ipv4 contradict each other (give only one of them)"],
	["--intervall 2s", "--intervall is not an option of conntracer watch (did you mean --interval?)"],
	[
		"--max-conections 2",
		"--max-conections is not an option of conntracer watch (did you mean --max-connections?)",
	],
	["--frobnicate", `--frobnicate is not an option of conntracer watch ${HELP}`],
	["-q", `-q is not an option of conntracer watch ${HELP}`],
	["--constructor x", `--constructor is not an option of conntracer watch ${HELP}`],
	["wacth", '"wacth" is not a command (did you mean watch?)'],
	[
		"frobnicate",
		'"frobnicate" is not a command (the commands are watch, events, list, top, accounting, dns, serve, doctor, completion)',
	],
	["watch 123", '"123" is one word too many (values stand behind an option, as in --pid 123)'],
	[
		"watch -- --json",
		'"--json" is one word too many (values stand behind an option, as in --pid 123)',
	],
	[
		"completion tcsh",
		'there is no completion for "tcsh" (write conntracer completion bash, or zsh)',
	],
	[
		"completion --wide",
		"--wide is not an option of conntracer completion (see conntracer completion --help)",
	],
];

describe("wrong use ends with exit code 2 and one line that says what to do", () => {
	for (const [line, message] of CASES) {
		test(`conntracer ${line}`, async () => {
			const { code, stdout, stderr, opened } = await run(line.split(" "));
			expect(stderr).toBe(`conntracer: ${message}\n`);
			expect({ code, stdout, opened }).toEqual({ code: 2, stdout: "", opened: [] });
		});
	}
});

describe("what the layers below find wrong is wrong use as well", () => {
	for (const line of ["--remote 1.2.3.4.5", "--port 99999", "--columns nope", "--sort nope"]) {
		test(`conntracer ${line}`, async () => {
			const { code, stdout, stderr, opened } = await run(line.split(" "));
			expect(stderr).toMatch(/^conntracer: --.*\n$/);
			expect({ code, stdout, opened }).toEqual({ code: 2, stdout: "", opened: [] });
		});
	}
});

describe("with JSON output an error is an object", () => {
	const potato = {
		type: "error",
		code: "usage",
		message: '--interval "potato" is not a duration',
		hint: "write for example 250ms, 2s or 1m",
	};
	const cases: readonly (readonly [string, Record<string, string>])[] = [
		["--json -i potato", {}],
		["-i potato -o json", {}],
		["-i potato -ojson", {}],
		["-i potato --output=json", {}],
		["-i potato", { CONNTRACER_OUTPUT: "json" }],
		["-i potato", { CONNTRACER_JSON: "1" }],
	];
	for (const [line, env] of cases) {
		test(`conntracer ${line} ${JSON.stringify(env)}`, async () => {
			const { code, stderr } = await run(line.split(" "), { env });
			expect(JSON.parse(stderr)).toEqual(potato);
			expect(stderr.indexOf("\n")).toBe(stderr.length - 1);
			expect(code).toBe(2);
		});
	}

	test("also for an unknown option", async () => {
		const { stderr } = await run(["--json", "--frobnicate"]);
		expect(JSON.parse(stderr)["message"]).toBe("--frobnicate is not an option of conntracer watch");
	});

	test("not where the command line asks for a table over the environment", async () => {
		const { stderr } = await run(["-o", "table", "-i", "x"], { env: { CONNTRACER_JSON: "true" } });
		expect(stderr).toStartWith("conntracer: ");
	});
});

test("control characters of an argument do not reach the terminal", async () => {
	const { code, stderr } = await run(["--interval", "\u001b[31m\n\u009b\u202e"]);
	expect(code).toBe(2);
	expect(stderr).not.toMatch(/[\u001b\u009b\u202e]|\n./);
});

test("a bad option is reported before missing rights", async () => {
	const openFlowTracer = () => {
		throw new PermissionError("load the BPF programs", ["CAP_BPF"]);
	};
	expect((await run(["--sort", "nope"], { openFlowTracer })).code).toBe(2);
	expect((await run([], { openFlowTracer })).code).toBe(3);
});
