import { describe, expect } from "bun:test";
import { cProgram } from "../support/c-program.ts";
import { Conntracer, eventsOf } from "../support/conntracer.ts";
import { Lines } from "../support/lines.ts";
import { listed } from "../support/listing.ts";
import { kernelTest } from "../support/root.ts";

const PORT = 4711;

/** A process whose main thread has ended, with a connection to itself; in a network namespace of its own. */
class Leaderless implements AsyncDisposable {
	readonly #child = Bun.spawn(
		[
			...["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"'],
			...[cProgram("brief"), "leaderless", "127.0.0.1", String(PORT)],
		],
		{ stdin: "pipe", stdout: "pipe" },
	);

	/** Its process id, and that of the thread that goes on. */
	async ids(): Promise<{ pid: number; tid: number }> {
		const lines = new Lines("brief", this.#child.stdout);
		const line = await lines.wait("a connection", () => lines.all[0]);
		const [pid = 0, tid = 0] = line.split(" ").map(Number);
		return { pid, tid };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}

const PROGRAM = {
	executable: cProgram("brief"),
	command_line: `${cProgram("brief")} leaderless 127.0.0.1 ${PORT}`,
};

describe("a process whose main thread has ended", () => {
	kernelTest("has its executable and command line in events", async () => {
		await using run = await Conntracer.run("events", "--port", String(PORT));
		await using process = new Leaderless();
		const { pid, tid } = await process.ids();
		await run.until("a connect", (records) => eventsOf(records).some((e) => e.event === "connect"));
		const [connect] = eventsOf(run.records, ({ event }) => event === "connect");
		expect(tid).not.toBe(pid);
		expect(connect).toMatchObject({ ...PROGRAM, pid, tid, attribution: "task" });
	});

	kernelTest("has them in list, in a network namespace that only it is in", async () => {
		await using process = new Leaderless();
		const { pid } = await process.ids();
		const found = listed("--listening", "--port", PORT, "--pid", pid);
		expect(found.map(({ state }) => state).sort()).toEqual(["ESTABLISHED", "LISTEN"]);
		for (const record of found) expect(record).toMatchObject({ ...PROGRAM, pid, holders: [] });
	});

	kernelTest("has them in events of a connection that was there before", async () => {
		await using process = new Leaderless();
		const { pid } = await process.ids();
		await using run = await Conntracer.run("events", "--port", String(PORT));
		await process[Symbol.asyncDispose]();
		await run.until("a close", (records) => eventsOf(records).some((e) => e.event === "close"));
		const closed = eventsOf(run.records, ({ direction }) => direction === "active");
		expect(closed).toMatchObject([{ executable: PROGRAM.executable, pid, preexisting: true }]);
	});
});
