/** Traffic that a test asks for, and traffic beside it that it does not; and the filters between. */

import { expect } from "bun:test";
import {
	addUp,
	type Conntracer,
	eventsOf,
	flowsOf,
	type OutputRecord,
	type Run,
} from "./conntracer.ts";
import { expectSide, processIs, sideOf } from "./expectations.ts";
import { NamespacePair } from "./namespaces.ts";
import { type Outcome, ownPrograms, Traffic, type Truth, totals } from "./traffic.ts";
import { AS_OWN_USER, OWN_UID, OwnCgroup } from "./whereabouts.ts";

export const WANTED = ownPrograms("fw");
export const NOISE = ownPrograms("fn");
export const COUNT = 20;
const NAMES = [WANTED.client, WANTED.server, NOISE.client, NOISE.server];
export const isOurs = (record: OutputRecord): boolean =>
	"process" in record && record.process !== null && NAMES.includes(record.process);

const NETNS = "--netns";

interface Known {
	readonly port: number;
	readonly noisePort: number;
	readonly server: number;
	readonly client: number;
	/** --netns and its value. */
	readonly here: readonly string[];
	readonly cgroup: string;
}

/**
 * Wanted traffic: IPv6, in a network namespace and a cgroup of its own, as a user of its own. Noise
 * in the same network namespace: with --netns, other traffic of the machine plays no part.
 */
export class Scene implements AsyncDisposable {
	readonly #namespaces = new NamespacePair();
	readonly #cgroup = new OwnCgroup();
	readonly wanted: Traffic;
	readonly noise: Traffic;

	/** @param filter of FILTERS; of --netns, the noise is in another one */
	constructor(mode: "churn" | "hold", noiseCount: number, filter: string) {
		const here = ["--listen", "::1", "--connect", "::1", "--count", `${COUNT}`];
		const sizes = ["--request", "777", "--response", "1234", "--wait"];
		const { left, right } = this.#namespaces;
		const prefix = [...this.#cgroup.prefix, ...left.prefix, ...AS_OWN_USER];
		this.wanted = new Traffic([mode, ...here, ...sizes, ...WANTED.names], prefix);
		const noise = [mode, "--wait", "--count", `${noiseCount}`, ...NOISE.names];
		this.noise = new Traffic(noise, (filter === NETNS ? right : left).prefix);
	}

	async ready(): Promise<Known> {
		const [wanted, noise] = [await this.wanted.ready(), await this.noise.ready()];
		const [port = 0, noisePort = 0] = [...wanted.ports, ...noise.ports];
		const [server = 0, client = 0] = wanted.pids;
		const here = [NETNS, `/run/netns/${this.#namespaces.left.name}`];
		return { port, noisePort, server, client, here, cgroup: this.#cgroup.path };
	}

	async finish(): Promise<{ wanted: Outcome; noise: Outcome }> {
		const [wanted, noise] = [await this.wanted.finish(), await this.noise.finish()];
		return { wanted, noise };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.wanted[Symbol.asyncDispose]();
		await this.noise[Symbol.asyncDispose]();
		await this.#cgroup[Symbol.asyncDispose]();
		this.#namespaces[Symbol.dispose]();
	}
}

type Side = "client" | "server";
export const CLIENT: Side[] = ["client"];
const SERVER: Side[] = ["server"];
const BOTH: Side[] = ["client", "server"];
const ACTIVE = ["--direction", "active"];

/** Each, with the --netns of the scene, tells the wanted traffic from the noise. */
export const FILTERS: [name: string, args: (known: Known) => string[], sides: Side[]][] = [
	["-p of the client", ({ client }) => ["-p", `${client}`], CLIENT],
	["-p of the server", ({ server }) => ["-p", `${server}`], SERVER],
	["-p of both", ({ client, server }) => ["-p", `${client},${server}`], BOTH],
	["--uid", () => ["--uid", `${OWN_UID}`], BOTH],
	["--cgroup", ({ cgroup }) => ["--cgroup", cgroup], BOTH],
	["--uid and --direction", () => ["--uid", `${OWN_UID}`, "--direction", "active"], CLIENT],
	["--cgroup and --direction", ({ cgroup }) => ["--cgroup", cgroup, ...ACTIVE], CLIENT],
	[NETNS, () => [], BOTH],
	["--local-port", ({ port }) => ["--local-port", `${port}`], SERVER],
	["--remote-port", ({ port }) => ["--remote-port", `${port}`], CLIENT],
	["--port", ({ port }) => ["--port", `${port}`], BOTH],
	[
		"--port, ranges with an exclusion",
		({ noisePort }) => ["--port", "1-30000,30001-65535", "--port", `!${noisePort}`],
		BOTH,
	],
	["--port !", ({ noisePort }) => ["--port", `!${noisePort}`], BOTH],
	["--remote-port !", ({ noisePort }) => [...ACTIVE, "--remote-port", `!${noisePort}`], CLIENT],
	["-6", () => ["-6"], BOTH],
	["--transport tcp -6", () => ["--transport", "tcp", "-6"], BOTH],
	["--direction active", ({ port }) => [...ACTIVE, "--port", `${port}`], CLIENT],
	["--direction passive", ({ port }) => ["--direction", "passive", "--port", `${port}`], SERVER],
	["--process", () => ["--process", WANTED.client], CLIENT],
	["--remote", () => ["--remote", "::1", "--local", "::/0"], BOTH],
	["--exclude-remote", () => ["--exclude-remote", "127.0.0.0/8"], BOTH],
	[
		"--exclude-remote of ports, --exclude-local",
		({ noisePort }) => [
			...["--exclude-remote", `127.0.0.1 tcp ${noisePort}`],
			...["--exclude-local", `* ${noisePort}`],
		],
		BOTH,
	],
];

export function expectOnly(run: Run, sides: readonly Side[]): void {
	const shown = new Set(
		run.records.filter(isOurs).map((record) => ("process" in record ? record.process : null)),
	);
	expect(shown).toEqual(new Set(sides.map((side) => WANTED[side])));
}

const truthOf = (side: Side, { clients, servers }: Outcome): readonly Truth[] =>
	side === "client" ? clients : servers;
export const directionOf = (side: Side) => (side === "client" ? "active" : "passive");

function expectFlows(run: Run, sides: readonly Side[], wanted: Outcome): void {
	for (const side of sides)
		expectSide(sideOf(run, WANTED[side], directionOf(side)), truthOf(side, wanted));
}

export function expectEvents(run: Run, sides: readonly Side[], wanted: Outcome): void {
	for (const side of sides) {
		const truths = truthOf(side, wanted);
		const events = eventsOf(run.records, ({ process }) => process === WANTED[side]);
		const opened = events.filter(({ event }) => event === "connect" || event === "accept");
		const closed = events.filter(({ event }) => event === "close");
		const sum = (of: "bytes_sent" | "bytes_received"): number =>
			closed.reduce((total, event) => total + (event[of] ?? 0), 0);
		expect({
			opened: opened.length,
			bytes_sent: sum("bytes_sent"),
			bytes_received: sum("bytes_received"),
		}).toEqual(totals(truths));
		expect(closed.length).toBe(totals(truths).opened);
		expect(new Set(events.map(({ pid }) => pid))).toEqual(new Set(truths.map(({ pid }) => pid)));
	}
}

/** Until what was asked for has ended, in rows or in events. */
export function untilEnded(
	conntracer: Conntracer,
	sides: readonly Side[],
	count = COUNT,
): Promise<void> {
	const names = sides.map((side) => WANTED[side]);
	return conntracer.until(`${sides.length * count} ends`, (records) => {
		const events = eventsOf(
			records,
			({ event, process }) => event === "close" && names.includes(process ?? ""),
		);
		const { connections_closed } = addUp(flowsOf(records, processIs(...names)));
		return events.length + connections_closed >= sides.length * count;
	});
}

export const COMMANDS = [
	[["watch", "-i", "250ms"], expectFlows],
	[["events"], expectEvents],
] as const;
