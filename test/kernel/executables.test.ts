import { afterAll, describe, expect } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { EventRecord } from "../../src/flow/records.ts";
import { cProgram } from "../support/c-program.ts";
import { Conntracer, eventsOf } from "../support/conntracer.ts";
import { kernelTest } from "../support/root.ts";
import { Traffic } from "../support/traffic.ts";

const COUNT = 200;
const NOTHING = ["--request", "0", "--response", "0"];
const directory = realpathSync(mkdtempSync(join(tmpdir(), "conntracer-")));
afterAll(() => rmSync(directory, { recursive: true }));

const brief = (): string => cProgram("brief");

/** A copy of the program, by the path of its file below our directory. */
function copyTo(...path: string[]): string {
	const to = join(directory, ...path);
	mkdirSync(join(to, ".."), { recursive: true });
	copyFileSync(brief(), to);
	return to;
}

interface Caller {
	readonly pid: number;
	readonly tid: number;
}

/** Runs a command with $BRIEF, $PROGRAM and $TO; who said that they have called connect(). */
function callers(command: string, port: number, program = ""): Caller[] {
	const env = { ...process.env, BRIEF: brief(), PROGRAM: program, TO: `127.0.0.1 ${port}` };
	const run = Bun.spawnSync(["sh", "-ec", command], { env });
	if (!run.success) throw new Error(`${command}: ${run.stderr}`);
	const lines = run.stdout.toString().trimEnd().split("\n");
	return lines.map((line) => {
		const [pid = 0, tid = 0] = line.split(" ").map(Number);
		return { pid, tid };
	});
}

const idsOf = (events: readonly EventRecord[]): ReadonlySet<string> =>
	new Set(events.map(({ id }) => id));

/**
 * What is told of the connections to a server of our own: at least one event of each, as a process
 * that is gone so soon may have given it up.
 */
async function traced(
	work: (port: number) => { callers: Caller[]; connections: number },
): Promise<{ events: readonly EventRecord[]; callers: readonly Caller[] }> {
	await using server = new Traffic(["serve", ...NOTHING, "--count", "100000"]);
	const [port = 0] = (await server.ready()).ports;
	await using conntracer = await Conntracer.run("events", "--remote-port", String(port));
	const { callers, connections } = work(port);
	await conntracer.until(
		`${connections} connections`,
		(records) => idsOf(eventsOf(records)).size >= connections,
	);
	return { events: eventsOf((await conntracer.stop()).records), callers };
}

const DEEP = Array.from({ length: 60 }, (_, depth) => `directory-${depth}`);

interface Case {
	readonly what: string;
	/** Makes the program; its path, as /proc/PID/exe would have it. */
	readonly make: () => { program: string; executable: string; process: string };
	/** Runs `brief repeat` with $PROGRAM. */
	readonly command: string;
}

const at = (program: string, executable = program, process = basename(program)) => ({
	...{ program, executable },
	process: process.slice(0, 15),
});
const REPEAT = `"$BRIEF" repeat ${COUNT}`;

const CASES: readonly Case[] = [
	{ what: "in a directory", make: () => at(copyTo("plain")), command: `${REPEAT} "$PROGRAM" $TO` },
	{
		what: "in the 60th directory of a path",
		make: () => at(copyTo(...DEEP, "deep")),
		command: `${REPEAT} "$PROGRAM" $TO`,
	},
	{
		what: "in a directory with control characters",
		make: () => at(copyTo("a\n\x1b]0;b\x07", "c\td\re")),
		command: `${REPEAT} "$PROGRAM" $TO`,
	},
	{
		what: "with a name of 255 bytes",
		make: () => at(copyTo("x".repeat(255))),
		command: `${REPEAT} "$PROGRAM" $TO`,
	},
	{
		what: "that is deleted",
		make: () => {
			const program = copyTo("deleted");
			return at(program, `${program} (deleted)`, "3");
		},
		command: `exec 3<"$PROGRAM"; rm "$PROGRAM"; ${REPEAT} /proc/self/fd/3 $TO`,
	},
	{
		what: "on a file system of its own mount namespace",
		make: () => {
			mkdirSync(join(directory, "mount"));
			return at(join(directory, "mount", "inside"));
		},
		command:
			`unshare -m sh -ec 'mount -t tmpfs none "\${PROGRAM%/*}"; cp "$BRIEF" "$PROGRAM"; ` +
			`${REPEAT} "$PROGRAM" $TO'`,
	},
	{
		what: "bound to another place",
		make: () => {
			mkdirSync(join(directory, "bound"));
			copyTo("origin", "program");
			return at(join(directory, "bound", "program"));
		},
		command:
			`unshare -m sh -ec 'mount --bind "\${PROGRAM%/*}/../origin" "\${PROGRAM%/*}"; ` +
			`${REPEAT} "$PROGRAM" $TO'`,
	},
];

describe(`${COUNT} processes that are gone at once have their executable: a program`, () => {
	for (const { what, make, command } of CASES)
		kernelTest(what, async () => {
			const { program, executable, process } = make();
			const { events, callers: truth } = await traced((port) => ({
				callers: callers(command, port, program),
				connections: COUNT,
			}));
			expect(new Set(events.map(({ pid }) => pid))).toEqual(new Set(truth.map(({ pid }) => pid)));
			const wrong = events.filter(
				(event) => event.executable !== executable || event.process !== process,
			);
			expect(wrong).toEqual([]);
			// Of one that /proc still knew, it must be right as well.
			const lines = new Set(events.map(({ command_line }) => command_line));
			lines.delete(null);
			for (const line of lines) expect(line).toContain(" connect 127.0.0.1 ");
		});
});

kernelTest("a process has another executable after exec()", async () => {
	const other = copyTo("other");
	const { events, callers: truth } = await traced((port) => ({
		callers: callers('"$BRIEF" exec "$PROGRAM" $TO', port, other),
		connections: 2,
	}));
	const [pid = 0] = truth.map((caller) => caller.pid);
	expect(new Set(events.map((event) => event.pid))).toEqual(new Set([pid]));
	const [first, second, ...others] = Map.groupBy(events, ({ id }) => id).values();
	expect(new Set(first?.map(({ executable }) => executable))).toEqual(new Set([brief()]));
	expect(new Set(second?.map(({ executable }) => executable))).toEqual(new Set([other]));
	expect(others).toEqual([]);
});

kernelTest(
	"a thread with a name of its own is told by its id, and its process by name",
	async () => {
		const { events, callers: truth } = await traced((port) => ({
			callers: callers('"$BRIEF" thread $TO', port),
			connections: 1,
		}));
		expect(truth[0]?.tid).not.toBe(truth[0]?.pid);
		for (const event of events)
			expect(event).toMatchObject({
				...truth[0],
				process: "renamed-main",
				executable: brief(),
				attribution: "task",
			});
	},
);
