/** What is measured beside each other: conntracer, an empty program, and what a user would take instead. */

import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { hasKprobeEvents } from "../src/enrich/sysfs.ts";
import { bpfIdsOf } from "../test/support/bpf.ts";
import { until } from "../test/support/until.ts";
import { compileBench, compileEmpty } from "./compile.ts";
import { EndedAtOnce } from "./ended.ts";
import type { LoadName } from "./loads.ts";
import type { Peers } from "./peers.ts";
import type { Place } from "./place.ts";
import { BINARY } from "./start.ts";

export interface Recorded {
	/** Of each connection; null where it does not record them one by one. */
	readonly records: number | null;
	/** As it says itself; null where it does not. */
	readonly lost: number | null;
}

export interface Subject {
	readonly name: string;
	readonly command: readonly string[];
	readonly loads: readonly LoadName[];
	/** Runs in the network namespace of the load, and sees no other. */
	readonly isLocal?: boolean;
	/** Needs the kernel to follow connections there. */
	readonly tracksConnections?: boolean;
	/** When it is ready; the default is that its BPF programs are there for a while. */
	isReady?(file: string): boolean;
	recorded(file: string): Recorded;
}

const CONNECTS: readonly LoadName[] = ["connect", "connect10k", "connect40k"];
const ALL: readonly LoadName[] = [...CONNECTS, "message", "bulk", "datagram", "mixed"];
const NOTHING: Recorded = { records: null, lost: null };

const linesOf = (file: string): string[] => readFileSync(file, "utf8").trimEnd().split("\n");
const isNotEmpty = (file: string): boolean => statSync(file).size > 0;

/** All but what is no record: so many first lines. */
const linesAfter =
	(headers: number) =>
	(file: string): Recorded => ({ records: linesOf(file).length - headers, lost: null });

function fromSummary(file: string, events: boolean): Recorded {
	const lines = linesOf(file);
	const { lost } = JSON.parse(lines.at(-1) ?? "{}");
	const closes = lines.filter((line) => line.includes('"event":"close"')).length;
	const sum = Object.values<number>(lost).reduce((all, one) => all + one, 0);
	return { records: events ? closes : null, lost: sum };
}

const SUMMARY = ["--json", "--summary"];

function ours(): Subject[] {
	return [
		{
			name: "an empty program on each hook",
			command: [compileBench("load"), compileEmpty(), "set_state", "destroy"],
			loads: ALL,
			isReady: isNotEmpty,
			recorded: () => NOTHING,
		},
		{
			name: "`conntracer watch`",
			command: [BINARY, "watch", ...SUMMARY],
			loads: ALL,
			isReady: isNotEmpty,
			recorded: (file) => fromSummary(file, false),
		},
		{
			name: "`conntracer watch --transport tcp`",
			command: [BINARY, "watch", "--transport", "tcp", ...SUMMARY],
			loads: ["connect", "message", "datagram"],
			isReady: isNotEmpty,
			recorded: (file) => fromSummary(file, false),
		},
		{
			name: "`conntracer events -o json`",
			command: [BINARY, "events", ...SUMMARY],
			loads: [...CONNECTS, "message", "mixed"],
			isReady: isNotEmpty,
			recorded: (file) => fromSummary(file, true),
		},
	];
}

function theirs(peers: Peers): Subject[] {
	return [
		{
			name: "`tcplife`",
			command: peers.tcplife,
			loads: CONNECTS,
			recorded: linesAfter(1),
		},
		{
			name: "`tcpstates`",
			command: peers.tcpstates,
			loads: ["connect", "connect10k"],
			recorded: () => NOTHING,
		},
		{
			name: "`bpftrace`, a line for each close",
			command: [...peers.bpftrace, "-q", "-e", CLOSES],
			loads: ["connect", "connect10k"],
			recorded: linesAfter(0),
		},
		{
			name: "`ss -E`",
			command: ["ss", "-E", "-H", "-t", "-n"],
			loads: ["connect", "connect10k"],
			isLocal: true,
			recorded: linesAfter(0),
		},
		{
			name: "`conntrack -E`",
			command: ["conntrack", "-E", "-e", "DESTROY"],
			loads: ["connect", "connect10k"],
			isLocal: true,
			tracksConnections: true,
			recorded: linesAfter(0),
		},
	];
}

/** They say nothing, and attach nothing, where the kernel has no kprobes. */
function atFunctions(peers: Peers): Subject[] {
	if (!hasKprobeEvents()) return [];
	const loads: readonly LoadName[] = ["connect"];
	const closes = (file: string): Recorded => ({
		records: linesOf(file).filter((line) => line.startsWith("X")).length,
		lost: null,
	});
	return [
		{ name: "`tcptracer`", command: peers.tcptracer, loads, recorded: closes },
		{ name: "`tcpconnect`", command: peers.tcpconnect, loads, recorded: () => NOTHING },
		{ name: "`tcptop`", command: [...peers.tcptop, "-C", "1"], loads, recorded: () => NOTHING },
	];
}

export const subjects = (peers: Peers): Subject[] => [
	...ours(),
	...theirs(peers),
	...atFunctions(peers),
];

/** 7 is TCP_CLOSE. */
const CLOSES = `tracepoint:sock:inet_sock_set_state /args->newstate == 7/ {
	printf("%d %s %d %d\\n", pid, comm, args->sport, args->dport);
}`;

const LONGEST_START_MS = 30_000;
const SETTLE_MS = 500;

/** A subject at work, its output in a file. */
export class Running implements AsyncDisposable {
	readonly subject: Subject;
	readonly pid: number;
	readonly #child: Subprocess;
	readonly #file: string;
	readonly #errors: string;

	private constructor(subject: Subject, child: Subprocess, file: string, errors: string) {
		this.subject = subject;
		this.pid = child.pid;
		this.#child = child;
		this.#file = file;
		this.#errors = errors;
	}

	/** @throws EndedAtOnce */
	static async start(subject: Subject, place: Place, scratch: string): Promise<Running> {
		const [file, errors] = [join(scratch, "output"), join(scratch, "errors")];
		const command = subject.isLocal ? [...place.prefix, ...subject.command] : subject.command;
		const [stdout, stderr] = [openSync(file, "w"), openSync(errors, "w")];
		const child = Bun.spawn([...command], { stdout, stderr, stdin: "ignore" });
		for (const descriptor of [stdout, stderr]) closeSync(descriptor);
		const running = new Running(subject, child, file, errors);
		try {
			await running.#ready();
			return running;
		} catch (error) {
			await running[Symbol.asyncDispose]();
			throw error;
		}
	}

	static async tryStart(
		subject: Subject,
		place: Place,
		scratch: string,
	): Promise<Running | EndedAtOnce> {
		try {
			return await Running.start(subject, place, scratch);
		} catch (error) {
			if (error instanceof EndedAtOnce) return error;
			throw error;
		}
	}

	async #ready(): Promise<void> {
		const patience = { withinMs: LONGEST_START_MS };
		await until(`${this.subject.name} to be ready`, () => this.#looksReady(), patience);
		await Bun.sleep(SETTLE_MS);
		this.#expectNotEnded();
	}

	#expectNotEnded(): void {
		if (this.hasEnded) throw new EndedAtOnce(readFileSync(this.#errors, "utf8"));
	}

	#looksReady(): boolean {
		this.#expectNotEnded();
		const { subject } = this;
		if (subject.isReady !== undefined) return subject.isReady(this.#file);
		return subject.isLocal === true || bpfIdsOf(this.pid).programs.size > 0;
	}

	get hasEnded(): boolean {
		return this.#child.exitCode !== null || this.#child.signalCode !== null;
	}

	/** Ends it, and reads what it has written. */
	async stop(): Promise<Recorded> {
		this.#child.kill("SIGINT");
		await this.#child.exited;
		return this.subject.recorded(this.#file);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		if (!this.hasEnded) this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}
