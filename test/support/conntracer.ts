/** Runs the built binary, as its users do. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Subprocess } from "bun";
import type { DnsRecord } from "../../src/flow/dns-records.ts";
import type {
	AccountingRecord,
	Activity,
	EventRecord,
	FlowRecord,
	GapRecord,
	ProcessRecord,
	ReadyRecord,
	SummaryRecord,
	TcpCounts,
} from "../../src/flow/records.ts";
import { IN_GUEST } from "./guest.ts";
import { Lines } from "./lines.ts";
import { TIME_FACTOR } from "./time-factor.ts";
import { short } from "./until.ts";

export type OutputRecord =
	| ReadyRecord
	| FlowRecord
	| ProcessRecord
	| EventRecord
	| AccountingRecord
	| DnsRecord
	| GapRecord
	| SummaryRecord;

export interface Run {
	readonly records: readonly OutputRecord[];
	readonly exitCode: number;
	readonly stderr: string;
}

const BINARY = resolve(import.meta.dir, "../../dist/conntracer");

/** @throws when it has not been built */
export function conntracerBinary(): string {
	if (!existsSync(BINARY)) throw new Error("dist/conntracer is missing: run ./dev build first");
	return BINARY;
}

export function flowsOf(
	records: readonly OutputRecord[],
	matches: (flow: FlowRecord) => boolean = () => true,
): FlowRecord[] {
	return records.filter((record) => record.type === "flow").filter(matches);
}

export function eventsOf(
	records: readonly OutputRecord[],
	matches: (event: EventRecord) => boolean = () => true,
): EventRecord[] {
	return records.filter((record) => record.type === "event").filter(matches);
}

export function processesOf(
	records: readonly OutputRecord[],
	matches: (process: ProcessRecord) => boolean = () => true,
): ProcessRecord[] {
	return records.filter((record) => record.type === "process").filter(matches);
}

export function accountsOf(
	records: readonly OutputRecord[],
	matches: (account: AccountingRecord) => boolean = () => true,
): AccountingRecord[] {
	return records.filter((record) => record.type === "accounting").filter(matches);
}

export function gapsOf(records: readonly OutputRecord[]): GapRecord[] {
	return records.filter((record) => record.type === "gap");
}

/** Of a run that traced TCP. */
export function summaryOf(
	records: readonly OutputRecord[],
): SummaryRecord & { readonly seen: TcpCounts; readonly kernel: TcpCounts } {
	const summary = records.at(-1);
	if (summary?.type !== "summary") throw new Error("the last record is no summary");
	const { seen, kernel } = summary;
	if (seen === null || kernel === null) throw new Error("TCP was not traced");
	return { ...summary, seen, kernel };
}

const COUNTERS = [
	"connections_opened",
	"connections_failed",
	"connections_closed",
	"bytes_sent",
	"bytes_received",
] as const;

export type FlowTotals = Record<(typeof COUNTERS)[number], number>;

/** The counters of many rows, added up. */
export function addUp(flows: readonly Activity[]): FlowTotals {
	const sum: FlowTotals = {
		connections_opened: 0,
		connections_failed: 0,
		connections_closed: 0,
		bytes_sent: 0,
		bytes_received: 0,
	};
	for (const flow of flows) for (const counter of COUNTERS) sum[counter] += flow[counter] ?? 0;
	return sum;
}

/** What each record is counted as in errors. */
function kindOf(record: OutputRecord): string {
	if (record.type === "gap") return `gap ${record.stage}`;
	return record.type === "event" ? record.event : record.type;
}

/** A running `conntracer … --json --summary`. Killed, if need be, when disposed. */
export class Conntracer implements AsyncDisposable {
	readonly records: OutputRecord[] = [];
	readonly #child: Subprocess<"ignore", "pipe", "pipe">;
	readonly #lines: Lines;
	readonly #errors: Lines;

	private constructor(args: readonly string[], program: readonly string[]) {
		const command = [...program, ...args, "--json", "--summary"];
		this.#child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
		this.#lines = new Lines("conntracer", this.#child.stdout);
		this.#errors = new Lines("conntracer", this.#child.stderr);
	}

	/** A `watch`. Comes back when it is ready: nothing after this is missed. */
	static start(...args: readonly string[]): Promise<Conntracer> {
		const interval = args.includes("-i") ? [] : ["-i", "250ms"];
		return Conntracer.run("watch", ...interval, ...args);
	}

	/** One of which only TCP matters: a virtual machine takes long to load what UDP needs, too. */
	static startTcp(...args: readonly string[]): Promise<Conntracer> {
		return Conntracer.start(...(IN_GUEST ? ["--transport", "tcp"] : []), ...args);
	}

	/** Any command that has a `ready` record. */
	static run(...args: readonly string[]): Promise<Conntracer> {
		return Conntracer.runAs([conntracerBinary()], ...args);
	}

	/** @param program what stands before the arguments; it must become conntracer itself */
	static async runAs(program: readonly string[], ...args: readonly string[]): Promise<Conntracer> {
		const conntracer = new Conntracer(args, program);
		try {
			await conntracer.until("a ready record", (records) => records.length > 0);
		} catch (error) {
			await conntracer[Symbol.asyncDispose]();
			throw new Error(`conntracer: ${conntracer.#errors.all.join("\n")}`, { cause: error });
		}
		return conntracer;
	}

	get pid(): number {
		return this.#child.pid;
	}

	get ready(): ReadyRecord {
		const first = this.records[0];
		if (first?.type !== "ready") throw new Error("the first record is not ready");
		return first;
	}

	#parse(): void {
		for (const line of this.#lines.all.slice(this.records.length))
			this.records.push(JSON.parse(line));
	}

	/** Waits until the records satisfy. */
	async until(
		what: string,
		satisfied: (records: readonly OutputRecord[]) => boolean,
	): Promise<void> {
		const isSo = (): true | undefined => {
			this.#parse();
			return satisfied(this.records) ? true : undefined;
		};
		await this.#lines.wait(what, isSo, () => this.#soFar());
	}

	/** Its records by kind, and what it said last on standard error. */
	#soFar(): string {
		const kinds = Map.groupBy(this.records, kindOf);
		const counts = [...kinds].map(([kind, records]) => `${records.length} ${kind}`);
		return short([counts.join(", ") || "no record", ...this.#errors.all.slice(-1)].join("; "));
	}

	/** Waits until the rows that match have added up to this many ended connections. */
	untilClosed(count: number, matches: (flow: FlowRecord) => boolean): Promise<void> {
		return this.until(`${count} closed connections`, (records) => {
			const sum = addUp(flowsOf(records, matches));
			return sum.connections_closed + sum.connections_failed >= count;
		});
	}

	/** Ends it, and waits for all that it says. */
	async stop(signal: NodeJS.Signals = "SIGINT"): Promise<Run> {
		this.#child.kill(signal);
		return await this.end();
	}

	async end(): Promise<Run> {
		const exitCode = await this.#child.exited;
		await Promise.all([this.#lines.end, this.#errors.end]);
		this.#parse();
		return { records: this.records, exitCode, stderr: this.#errors.all.join("\n") };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}

export interface Finished {
	readonly stdout: string;
	readonly stderr: string;
	readonly exitCode: number;
}

/** Runs a shell command to its end; $CONNTRACER is the binary. */
export function runShell(command: string): Finished {
	const run = Bun.spawnSync(["sh", "-c", command], {
		env: { ...process.env, CONNTRACER: conntracerBinary() },
		timeout: 60_000 * TIME_FACTOR,
	});
	return {
		stdout: run.stdout.toString(),
		stderr: run.stderr.toString(),
		exitCode: run.exitCode,
	};
}
