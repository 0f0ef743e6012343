import { describe, expect } from "bun:test";
import type { ProcessRecord } from "../../src/flow/records.ts";
import {
	addUp,
	Conntracer,
	conntracerBinary,
	flowsOf,
	type OutputRecord,
	processesOf,
} from "../support/conntracer.ts";
import { expectNothingLost } from "../support/expectations.ts";
import { Lines } from "../support/lines.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic, Traffic, type Truth } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("top");
const COUNT = 60;

function isOurs(row: ProcessRecord): boolean {
	return row.process === CLIENT || row.process === SERVER;
}

function start(...args: readonly string[]): Promise<Conntracer> {
	return Conntracer.run("top", "-i", "250ms", ...args);
}

/** What a process did, in the terms of its rows. */
function countsOf({ opened, closed, bytes_sent, bytes_received }: Truth) {
	return {
		connections_opened: opened,
		connections_failed: 0,
		connections_closed: closed,
		bytes_sent,
		bytes_received,
	};
}

describe("processes", () => {
	kernelTest("each of several of one name has its own connections and bytes", async () => {
		await using conntracer = await start();
		const sizes = ["--request", "12345", "--response", "54321"];
		const args = ["churn", "--clients", "2", "--count", `${COUNT + 1}`, ...sizes, ...NAMES];
		const { clients, servers } = await runTraffic(args);
		await conntracer.until("all closed", (records) => {
			return addUp(processesOf(records, isOurs)).connections_closed === 2 * (COUNT + 1);
		});
		const run = await conntracer.stop();
		const rows = processesOf(run.records, isOurs);
		const truths = [...clients, ...servers];
		expect(truths).toHaveLength(3);
		expect(new Set(rows.map(({ pid }) => pid))).toEqual(new Set(truths.map(({ pid }) => pid)));
		for (const truth of truths) {
			const own = rows.filter(({ pid }) => pid === truth.pid);
			expect(addUp(own)).toEqual(countsOf(truth));
			expect(new Set(own.map(({ process }) => process))).toEqual(new Set([truth.name]));
			expect(new Set(own.map(({ netns }) => netns))).toEqual(new Set([truth.netns]));
			expect(own.at(-1)?.connections_open).toBe(0);
			expect(own.some(({ rtt_us }) => rtt_us !== null && rtt_us > 0)).toBe(true);
		}
		const ticks = rows.map(({ pid, time }) => `${pid} ${time}`);
		expect(new Set(ticks).size).toBe(ticks.length);
		expectNothingLost(run);
	});

	kernelTest("have what is open at the end of each interval, and rates of it", async () => {
		await using conntracer = await start();
		const sizes = ["--request", "5000000", "--response", "100"];
		await using traffic = new Traffic(["hold", "--count", "3", ...sizes, ...NAMES]);
		await traffic.held();
		const { clients } = await traffic.step();
		const [truth] = clients;
		const ofClient = (records: readonly OutputRecord[]) =>
			processesOf(records, ({ process }) => process === CLIENT);
		await conntracer.until("what was sent", (records) => {
			return addUp(ofClient(records)).bytes_sent === truth?.bytes_sent;
		});
		const rows = ofClient(conntracer.records);
		expect(truth?.bytes_sent).toBe(15_000_000);
		expect(rows.at(-1)).toMatchObject({ pid: truth?.pid, connections_open: 3 });
		for (const row of rows) {
			const seconds = row.interval_ms / 1000;
			expect((row.sent_bytes_per_second ?? 0) * seconds).toBeCloseTo(row.bytes_sent ?? -1, 0);
			expect((row.received_bytes_per_second ?? 0) * seconds).toBeCloseTo(
				row.bytes_received ?? -1,
				0,
			);
		}
		await traffic.finish();
		expectNothingLost(await conntracer.stop());
	});

	kernelTest("a filter leaves the one that was asked for", async () => {
		await using traffic = new Traffic(["churn", "--wait", "--count", "5", ...NAMES]);
		const [server = 0, client = 0] = (await traffic.ready()).pids;
		await using conntracer = await start("--pid", `${client}`);
		traffic.go();
		const { clients } = await traffic.finish();
		expect(clients.map(({ pid }) => pid)).toEqual([client]);
		await conntracer.until("all closed", (records) => {
			return addUp(processesOf(records)).connections_closed === 5;
		});
		const { records } = await conntracer.stop();
		expect(new Set(processesOf(records).map(({ pid }) => pid))).toEqual(new Set([client]));
		expect(server).not.toBe(client);
	});
});

kernelTest("connections: one row for each, with its ports and its process", async () => {
	await using conntracer = await start("--by", "connection");
	await using traffic = new Traffic(["hold", "--count", "3", "--request", "1000", ...NAMES]);
	await traffic.held();
	const { clients } = await traffic.step();
	const [truth] = clients;
	const ofClient = (records: readonly OutputRecord[]) =>
		flowsOf(records, ({ process }) => process === CLIENT);
	await conntracer.until("what was sent", (records) => {
		return addUp(ofClient(records)).bytes_sent === truth?.bytes_sent;
	});
	const rows = ofClient(conntracer.records);
	expect(truth?.local_ports).toHaveLength(3);
	expect(new Set(rows.map(({ local_port }) => local_port))).toEqual(new Set(truth?.local_ports));
	expect(new Set(rows.map(({ last_pid }) => last_pid))).toEqual(new Set([truth?.pid ?? 0]));
	for (const port of truth?.local_ports ?? []) {
		const own = rows.filter(({ local_port }) => local_port === port);
		expect(addUp(own)).toMatchObject({ connections_opened: 1, bytes_sent: 1000 });
	}
	await traffic.finish();
	expectNothingLost(await conntracer.stop());
});

/** `top` on a terminal of its own, that says how it is before and after. */
class Terminal implements AsyncDisposable {
	readonly lines: Lines;
	readonly #child: Bun.Subprocess<"pipe", "pipe", "ignore">;

	constructor(...args: readonly string[]) {
		const shell = [
			"stty cols 120 rows 40",
			'echo "before $(stty -g)"',
			`'${conntracerBinary()}' top -i 200ms ${args.join(" ")}`,
			'echo "code $?"',
			'echo "after $(stty -g)"',
		].join("; ");
		this.#child = Bun.spawn(["script", "-qefc", shell, "/dev/null"], {
			...{ stdin: "pipe", stdout: "pipe", stderr: "ignore" },
			env: { ...process.env, TERM: "xterm-256color" },
		});
		this.lines = new Lines("script", this.#child.stdout);
	}

	type(text: string): void {
		this.#child.stdin.write(text);
		this.#child.stdin.flush();
	}

	until(pattern: RegExp): Promise<string> {
		return this.lines.wait(`${pattern}`, () => this.lines.all.find((line) => pattern.test(line)));
	}

	/** Lines that came since `from`. */
	untilSince(from: number, pattern: RegExp): Promise<string> {
		return this.lines.wait(`${pattern}`, () =>
			this.lines.all.slice(from).find((line) => pattern.test(line)),
		);
	}

	/** Quit by a key that needs no newline, so the terminal was raw; and as before afterwards. */
	async expectRestored(): Promise<void> {
		await this.#child.exited;
		await this.lines.end;
		const said = (word: string) =>
			this.lines.all.map((line) => line.trim()).find((line) => line.startsWith(`${word} `));
		expect(said("code")).toBe("code 0");
		expect(said("before")).toMatch(/^before [0-9a-f:]+$/);
		expect(said("after")?.slice("after ".length)).toBe(said("before")?.slice("before ".length));
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}

describe("on a terminal", () => {
	kernelTest("draws processes, sorts and changes to connections by keys, quits by q", async () => {
		await using terminal = new Terminal();
		await terminal.until(/^q quit/);
		await using traffic = new Traffic(["hold", "--count", "2", ...NAMES]);
		await traffic.held();
		await terminal.until(new RegExp(`^${CLIENT} +\\d+ +\\S+ +\\S+ +2 `));
		terminal.type("c");
		await terminal.until(/c open\*/);
		const from = terminal.lines.all.length;
		terminal.type("p");
		await terminal.untilSince(from, new RegExp(`^${CLIENT} +\\d+ tcp +127\\.0\\.0\\.1:\\d+ +→`));
		terminal.type("q");
		await terminal.expectRestored();
		await traffic.finish();
	});

	for (const [what, text] of [
		["Ctrl-C", "\x03"],
		["Q behind an arrow key", "\x1b[AQ"],
	] as const)
		kernelTest(`${what} quits, too`, async () => {
			await using terminal = new Terminal();
			await terminal.until(/^q quit/);
			terminal.type(text);
			await terminal.expectRestored();
		});

	kernelTest("is as before when the time is over", async () => {
		await using terminal = new Terminal("-d", "1s");
		await terminal.expectRestored();
		expect(terminal.lines.all.some((line) => line.startsWith("q quit"))).toBe(true);
	});

	kernelTest("a hostile name stays text", async () => {
		await using terminal = new Terminal();
		await terminal.until(/^q quit/);
		const escaped = "\\x1b]0;ti\\x07\\x0a\\x1b[5m";
		const names = ["--client-name", escaped, "--server-name", escaped];
		await using traffic = new Traffic(["hold", "--count", "1", ...names]);
		await traffic.held();
		const row = await terminal.until(/^\\x1b\]0;ti\\x07\\n\\x/);
		expect(row).not.toMatch(/[\x00-\x08\x0b-\x1f]\S/);
		terminal.type("q");
		await terminal.expectRestored();
		expect(terminal.lines.all.join("\n")).not.toMatch(/\x1b\]0;|\x1b\[5m/);
		await traffic.finish();
	});
});
