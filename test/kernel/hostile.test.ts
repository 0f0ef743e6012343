import { describe, expect } from "bun:test";
import { Conntracer, conntracerBinary, flowsOf } from "../support/conntracer.ts";
import { parseCsv } from "../support/csv.ts";
import { Lines } from "../support/lines.ts";
import { kernelTest } from "../support/root.ts";
import { runTraffic } from "../support/traffic.ts";

interface Hostile {
	readonly what: string;
	/** As the generator takes it. */
	readonly escaped: string;
	/** As JSON must give it back. */
	readonly name: string;
	/** What must be left of it in a table and in CSV. */
	readonly visible: RegExp;
}

const NAMES: readonly Hostile[] = [
	{
		what: "a window title",
		escaped: "\\x1b]0;title\\x07",
		name: "\x1b]0;title\x07",
		visible: /title/,
	},
	{
		what: "blinking, newline and carriage return",
		escaped: "\\x1b[5mb\\x0ac\\x0dd",
		name: "\x1b[5mb\nc\rd",
		visible: /b.*c.*d/,
	},
	{
		what: "quotes, comma and tab",
		escaped: "q\"u,o'\\x09\\\\te",
		name: "q\"u,o'\t\\te",
		visible: /te/,
	},
	{ what: "a formula", escaped: "=1+1|\\x7fcmd", name: "=1+1|\x7fcmd", visible: /1\+1.*cmd/ },
	{
		what: "C1 controls and reversed text",
		escaped: "\\xc2\\x9b31m\\xe2\\x80\\xaerev",
		name: "\u009b31m\u202erev",
		visible: /rev/,
	},
];

/** Controls and what turns text around or splits its lines; a newline ends our own lines. */
const FORBIDDEN = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

async function record(args: readonly string[], hostile: Hostile, prefix: readonly string[] = []) {
	const command = [...prefix, conntracerBinary(), "watch", "-i", "250ms", ...args];
	const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
	const lines = new Lines("conntracer", child.stdout);
	try {
		await churnUntil(lines, hostile);
	} finally {
		child.kill("SIGINT");
	}
	expect(await child.exited).toBe(0);
	await lines.end;
	return lines.all;
}

/** A table does not say when it is ready: connect until the row is there. */
async function churnUntil(lines: Lines, { escaped, visible }: Hostile): Promise<void> {
	let found = false;
	const waiting = lines
		.wait(`a row with ${visible}`, () =>
			lines.all.some((line) => visible.test(line)) ? 1 : undefined,
		)
		.finally(() => {
			found = true;
		});
	while (!found)
		await runTraffic(["churn", "--count", "5", "--client-name", escaped, "--server-name", escaped]);
	await waiting;
}

for (const hostile of NAMES)
	describe(`a process named with ${hostile.what}`, () => {
		kernelTest("has its exact name in JSON", async () => {
			await using conntracer = await Conntracer.start();
			const names = ["--client-name", hostile.escaped, "--server-name", hostile.escaped];
			await runTraffic(["churn", "--count", "5", ...names]);
			await conntracer.untilClosed(10, (flow) => flow.process === hostile.name);
			const run = await conntracer.stop();
			const flows = flowsOf(run.records, (flow) => flow.process === hostile.name);
			expect(new Set(flows.map((flow) => flow.direction))).toEqual(new Set(["active", "passive"]));
		});

		kernelTest("puts no control characters into JSON lines", async () => {
			const lines = await record(["--json"], hostile);
			expect(lines.filter((line) => FORBIDDEN.test(line))).toEqual([]);
			for (const line of lines) JSON.parse(line);
		});

		kernelTest("keeps the columns of CSV", async () => {
			const lines = await record(["-o", "csv"], hostile);
			expect(lines.filter((line) => FORBIDDEN.test(line))).toEqual([]);
			const [header = [], ...rows] = parseCsv(`${lines.join("\n")}\n`);
			const column = header.indexOf("process");
			expect(column).toBeGreaterThanOrEqual(0);
			expect(rows.filter((row) => row.length !== header.length)).toEqual([]);
			expect(rows.some((row) => hostile.visible.test(row[column] ?? ""))).toBe(true);
		});

		kernelTest("puts no control characters into a table in a pipe", async () => {
			const lines = await record([], hostile);
			expect(lines.filter((line) => FORBIDDEN.test(line))).toEqual([]);
		});
	});

describe("on a terminal", () => {
	/** `script` gives the shell a terminal; its child is the shell, so it passes no signal on. */
	async function onTerminal(hostile: Hostile): Promise<string> {
		const shell = `stty cols 120 rows 40; exec '${conntracerBinary()}' watch -i 200ms -d 20s`;
		const child = Bun.spawn(["script", "-qefc", shell, "/dev/null"], {
			stdin: "pipe",
			stdout: "pipe",
			stderr: "ignore",
			env: { ...process.env, TERM: "xterm-256color" },
		});
		const lines = new Lines("script", child.stdout);
		await churnUntil(lines, hostile);
		child.stdin.write("\x03"); // Ctrl-C
		child.stdin.flush();
		expect(await child.exited).toBe(0);
		await lines.end;
		return lines.all.join("\n");
	}

	for (const hostile of NAMES)
		kernelTest(`a name with ${hostile.what} stays text`, async () => {
			const screen = await onTerminal(hostile);
			expect(screen).not.toContain("\x1b]0;title");
			expect(screen).not.toContain("\x1b[5m");
			// What moves the cursor is the table's own.
			const text = screen.replaceAll("\x1b", "").replaceAll("\r", "").replaceAll("\n", "");
			expect(FORBIDDEN.exec(text)?.[0]).toBeUndefined();
		});
});
