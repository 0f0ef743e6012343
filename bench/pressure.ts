/** Whether anything is lost where both CPUs have more to do than they can: `events`, and a service. */

import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SummaryRecord } from "../src/flow/records.ts";
import { cProgram } from "../test/support/c-program.ts";
import { until } from "../test/support/until.ts";
import { Place } from "./place.ts";
import { cpuNs } from "./process.ts";
import { BINARY } from "./start.ts";

const BUSY_LOOPS = 4;
const PAIRS = 6;
/** The load ends by itself; what is busy beside it does so, too. */
const LONGEST_S = 180;
const TAIL_BYTES = 65_536;
const SERVED_PER_SECOND = 5000;
const ASK_MS = 1000;
/** An end that no hook saw is found after more than five seconds. */
const LAST_LOOKS = 15;

const LOOP = ["timeout", `${LONGEST_S}`, "sh", "-c", "while :; do :; done"];

/** Programs that do nothing but take CPU time, until disposed. */
class BusyLoops implements Disposable {
	readonly #all = Array.from({ length: BUSY_LOOPS }, () => Bun.spawn(LOOP));

	[Symbol.dispose](): void {
		for (const loop of this.#all) loop.kill();
	}
}

interface Made {
	readonly operations: number;
	readonly seconds: number;
}

async function connect(place: Place, args: readonly string[]): Promise<Made> {
	const command = [...place.prefix, cProgram("pace"), "connect", "--threads", "1", ...args];
	const child = Bun.spawn(command, { stdout: "pipe" });
	const text = await new Response(child.stdout).text();
	if ((await child.exited) !== 0) throw new Error("pace has failed");
	return JSON.parse(text);
}

/** The summary is the last line of a file that is too large to be read. */
function summaryIn(file: string): SummaryRecord {
	const size = statSync(file).size;
	const tail = Buffer.alloc(Math.min(TAIL_BYTES, size));
	const fd = openSync(file, "r");
	readSync(fd, tail, 0, tail.length, size - tail.length);
	closeSync(fd);
	return JSON.parse(tail.toString().trimEnd().split("\n").at(-1) ?? "");
}

async function closesIn(file: string): Promise<number> {
	const grep = Bun.spawn(["grep", "-c", '"event":"close"', file], { stdout: "pipe" });
	return Number(await new Response(grep.stdout).text());
}

const lossesOf = (lost: Readonly<Record<string, number>>): string => {
	const found = Object.entries(lost).filter(([, count]) => count > 0);
	return found.length === 0 ? "0" : found.map(([stage, count]) => `${count} (${stage})`).join(", ");
};

/** `events --json` to a file, with all its defaults. */
async function eventsUnderPressure(seconds: number, scratch: string): Promise<string[][]> {
	const file = join(scratch, "pressure.json");
	const output = openSync(file, "w");
	using place = new Place();
	const child = Bun.spawn([BINARY, "events", "--json", "--summary"], { stdout: output });
	closeSync(output);
	try {
		await until("events to be ready", () => statSync(file).size > 0);
		using _loops = new BusyLoops();
		const share = ["--count", `${Math.round((seconds * 20_000) / PAIRS)}`];
		const made = await Promise.all(Array.from({ length: PAIRS }, () => connect(place, share)));
		const opened = made.reduce((sum, { operations }) => sum + operations, 0);
		const took = Math.max(...made.map((one) => one.seconds));
		const cpu = cpuNs(child.pid) / 1e9 / took;
		child.kill("SIGINT");
		await child.exited;
		const { lost } = summaryIn(file);
		const closes = await closesIn(file);
		const what = `\`events --json\`, ${PAIRS} load pairs and ${BUSY_LOOPS} busy loops on two CPUs`;
		return [
			[`${what}: connections a second, for ${took.toFixed(0)} s`, (opened / took).toFixed(0)],
			["ends recorded, of those that there were", `${closes} of ${2 * opened}`],
			["lost", lossesOf(lost)],
			["CPU of `events`, % of one", (cpu * 100).toFixed(0)],
		];
	} finally {
		child.kill("SIGKILL");
		await child.exited;
	}
}

/** What one client is told. */
interface Told {
	readonly connections: readonly {
		readonly process: string | null;
		readonly since_last: { readonly connections_closed: number };
	}[];
	readonly lost: Readonly<Record<string, number>>;
	readonly gaps: readonly { readonly stage: string; readonly count: number }[];
}

/** A client that asks a service what has ended since it asked last. */
class Client {
	closed = 0;
	readonly lost: Record<string, number> = {};
	readonly #unix: string;

	constructor(unix: string) {
		this.#unix = unix;
	}

	async ask(): Promise<boolean> {
		const query = "client_id=pressure&changed=true";
		const response = await fetch(`http://localhost/connections?${query}`, { unix: this.#unix });
		const { connections, lost, gaps } = (await response.json()) as Told;
		for (const { process, since_last } of connections)
			if (process?.startsWith("pace")) this.closed += since_last.connections_closed;
		const ofGaps = gaps.map(({ stage, count }) => [stage, count] as const);
		for (const [stage, count] of [...Object.entries(lost), ...ofGaps])
			this.lost[stage] = (this.lost[stage] ?? 0) + count;
		return true;
	}

	/** Once a second, until it is over. */
	async askUntil(over: Promise<unknown>): Promise<void> {
		let isOver = false;
		const end = over.finally(() => {
			isOver = true;
		});
		while (!isOver) {
			await this.ask();
			await Bun.sleep(ASK_MS);
		}
		await end;
	}
}

/** `serve` with all its defaults, and a client that asks once a second. */
async function serviceUnderPressure(seconds: number, scratch: string): Promise<string[][]> {
	const unix = join(scratch, "pressure.sock");
	using place = new Place();
	const stdio = { stdout: "ignore", stderr: "ignore" } as const;
	const child = Bun.spawn([BINARY, "serve", "--socket", unix], stdio);
	const client = new Client(unix);
	try {
		await until("the service to answer", () => client.ask().catch(() => false));
		using _loops = new BusyLoops();
		const count = seconds * SERVED_PER_SECOND;
		const made = connect(place, ["--rate", `${SERVED_PER_SECOND}`, "--count", `${count}`]);
		await client.askUntil(made);
		const { operations, seconds: took } = await made;
		// What ended last is told a moment later; what is missing then is a figure.
		for (let look = 0; look < LAST_LOOKS && client.closed < 2 * operations; look++) {
			await Bun.sleep(ASK_MS);
			await client.ask();
		}
		const what = `\`serve\`, ${BUSY_LOOPS} busy loops on two CPUs`;
		const told = `${client.closed} of ${2 * operations}`;
		return [
			[`${what}: connections a second, for ${took.toFixed(0)} s`, (operations / took).toFixed(0)],
			["ends that a client was told of, of those that there were", told],
			["lost", lossesOf(client.lost)],
			["CPU of `serve`, % of one", ((cpuNs(child.pid) / 1e9 / took) * 100).toFixed(0)],
		];
	} finally {
		child.kill("SIGKILL");
		await child.exited;
	}
}

/** Rows of the table. */
export async function pressureFigures(seconds: number, scratch: string): Promise<string[][]> {
	return [
		...(await eventsUnderPressure(seconds, scratch)),
		...(await serviceUnderPressure(seconds, scratch)),
	];
}
