/** A service under load, and all who ask it meanwhile. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DnsStatisticsAnswer } from "../src/flow/dns-statistics.ts";
import { EventSource } from "../test/support/event-source.ts";
import type { NameScene } from "../test/support/names.ts";
import { ownPrograms, Traffic } from "../test/support/traffic.ts";
import { BINARY } from "./start.ts";

export const PROGRAMS = ownPrograms("svc");
const CLIENT = PROGRAMS.client;
const TOKEN = "a-token-of-a-benchmark-0123456789";
export const CLIENTS = 10;
const HELD = 2000;
const HELD_MS = 480_000;
const SAMPLE_MS = 5000;
const STEP_MS = 10_000;
const SCRAPE_MS = 5000;

/** A service, asked on both of its doors, whose log goes to a disk that is full. */
export class Served implements AsyncDisposable {
	readonly pid: number;
	readonly #child: Bun.Subprocess;
	readonly #socket: string;
	readonly #origin: string;

	constructor(scratch: string) {
		this.#socket = join(scratch, "api.sock");
		const file = join(scratch, "token");
		writeFileSync(file, TOKEN, { mode: 0o600 });
		const port = 20_000 + (process.pid % 10_000);
		this.#origin = `http://127.0.0.1:${port}`;
		const where = ["--socket", this.#socket, "--listen", `${port}`, "--token-file", file];
		const stdio = { stdin: "ignore", stdout: "ignore", stderr: Bun.file("/dev/full") } as const;
		this.#child = Bun.spawn([BINARY, "serve", "--dns", ...where], stdio);
		this.pid = this.#child.pid;
	}

	readonly ask = (path: string, init: RequestInit = {}): Promise<Response> =>
		fetch(`http://localhost${path}`, { ...init, unix: this.#socket });

	async scrape(): Promise<number> {
		const headers = { authorization: `Bearer ${TOKEN}` };
		const response = await fetch(`${this.#origin}/metrics`, { headers });
		return (await response.text()).length;
	}

	async ready(): Promise<void> {
		for (let look = 0; look < 200; look++) {
			const isReady = await this.ask("/healthz").then(
				({ ok }) => ok,
				() => false,
			);
			if (isReady) return;
			await Bun.sleep(50);
		}
		throw new Error("the service does not answer");
	}

	/** A reader of everything that never reads, from anew whenever it is cut off. */
	neverRead(path: string, signal: AbortSignal): void {
		const socket = Bun.connect({
			unix: this.#socket,
			socket: {
				open(opened) {
					opened.write(`GET ${path} HTTP/1.1\r\nhost: c\r\n\r\n`);
					opened.pause();
				},
				data() {},
				close: () => {
					if (!signal.aborted) setTimeout(() => this.neverRead(path, signal), 100);
				},
			},
		});
		signal.addEventListener("abort", () => void socket.then((one) => one.terminate()));
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGTERM");
		await this.#child.exited;
	}
}

/** Somebody who resolves names, and whose resolver vanishes. */
class Resolving {
	/** Names that were resolved. */
	resolved = 0;
	/** Answers that the service has heard of. */
	heard = 0;
	timeouts = 0;
	readonly #served: Served;
	readonly #scene: NameScene;

	constructor(served: Served, scene: NameScene) {
		this.#served = served;
		this.#scene = scene;
	}

	async once(): Promise<void> {
		const { client, pair } = this.#scene;
		const resolve = { name: "web.test", type: "A", server: pair.right.ipv4 } as const;
		const { error } = await client.attempt({ resolve, address: null, port: null });
		if (error === null) this.resolved++;
	}

	async hear(): Promise<void> {
		const response = await this.#served.ask("/dns?client_id=names");
		const { statistics } = (await response.json()) as DnsStatisticsAnswer;
		for (const { netns, successes, timeouts } of statistics) {
			if (netns !== this.#scene.netns) continue;
			this.heard += successes;
			this.timeouts += timeouts;
		}
	}
}

/** What one client has heard of the clients of the load. */
class Client {
	connections = 0;
	bytes = 0;
	/** By stage: what nobody could be told; and what this client was not. */
	readonly lost: Record<string, number> = {};
	readonly #served: Served;

	readonly #query: string;

	/** @param hearsIdle of connections that are open and move nothing as well */
	constructor(served: Served, name: string, hearsIdle: boolean) {
		this.#served = served;
		this.#query = `client_id=${name}${hearsIdle ? "" : "&changed=true"}`;
	}

	async ask(): Promise<void> {
		const response = await this.#served.ask(`/connections?${this.#query}`);
		const { connections, lost, gaps } = (await response.json()) as Told;
		for (const { process, since_last } of connections) {
			if (process !== CLIENT) continue;
			this.connections += since_last.connections_closed;
			this.bytes += since_last.bytes_sent;
		}
		for (const { stage, count } of [
			{ stage: "closed", count: lost.closed },
			{ stage: "open", count: lost.open },
			...gaps,
		])
			if (count > 0) this.lost[stage] = (this.lost[stage] ?? 0) + count;
	}

	/** At its own pace. */
	async askOn(pauseMs: number, signal: AbortSignal): Promise<void> {
		while (!signal.aborted) {
			await this.ask();
			await Bun.sleep(pauseMs);
		}
	}
}

interface Told {
	readonly connections: readonly {
		readonly process: string | null;
		readonly since_last: { readonly connections_closed: number; readonly bytes_sent: number };
	}[];
	readonly lost: { readonly closed: number; readonly open: number };
	readonly gaps: readonly { readonly stage: string; readonly count: number }[];
}

async function every(ms: number, signal: AbortSignal, act: () => unknown): Promise<void> {
	while (!signal.aborted) {
		await act();
		await Bun.sleep(ms);
	}
}

/** Clients that come once, each under another name: no more than may be are kept. */
async function passersBy(served: Served, signal: AbortSignal): Promise<void> {
	let passed = 0;
	await every(1000, signal, async () => {
		const { body } = await served.ask(`/flows?client_id=passer-by-${passed++}`);
		await body?.cancel();
	});
}

/** Connections that stay open, and move something now and then; others in their place before a generator's time is over. */
export class Held implements AsyncDisposable {
	#traffic: Traffic | null = null;
	#startedAt = 0;

	async step(): Promise<void> {
		if (this.#traffic === null || performance.now() - this.#startedAt > HELD_MS) {
			await this[Symbol.asyncDispose]();
			this.#startedAt = performance.now();
			this.#traffic = new Traffic(["hold", "--count", `${HELD}`, "--timeout", "600"]);
			await this.#traffic.held();
		}
		await this.#traffic.step();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#traffic?.[Symbol.asyncDispose]();
	}
}

/** Everybody who asks while there is load. */
export class Askers {
	readonly memory: [minute: number, megabytes: number][] = [];
	readonly clients: readonly Client[];
	heardEvents = 0;
	readonly #served: Served;
	readonly #resolving: Resolving;
	readonly #end = new AbortController();
	readonly #startedAt = performance.now();
	readonly #doing: Promise<void>[] = [];

	constructor(served: Served, scene: NameScene) {
		this.#served = served;
		this.#resolving = new Resolving(served, scene);
		this.clients = Array.from(
			{ length: CLIENTS },
			(_, at) => new Client(served, `client-${at}`, at === CLIENTS - 1),
		);
	}

	get minutes(): number {
		return (performance.now() - this.#startedAt) / 60_000;
	}

	/** Comes back when each of them will hear of what happens from now on. */
	async start(held: Held): Promise<void> {
		const [served, { signal }] = [this.#served, this.#end];
		for (const client of this.clients) await client.ask();
		await this.#resolving.hear();
		const query = `process=${CLIENT}&events=close`;
		const reader = await EventSource.open(served.ask, `/events?${query}`);
		served.neverRead("/events", signal);
		served.neverRead("/connections?client_id=never-reads", signal);
		const hear = (): void => {
			this.heardEvents += forget(reader);
		};
		const sample = (): number => this.memory.push([this.minutes, residentMegabytes(served.pid)]);
		this.#doing.push(
			...this.clients.map((client, at) => client.askOn(200 + 300 * at, signal)),
			every(SAMPLE_MS, signal, sample),
			every(SCRAPE_MS, signal, () => served.scrape()),
			every(STEP_MS, signal, () => held.step()),
			every(1000, signal, hear).then(hear),
			passersBy(served, signal),
			every(100, signal, () => this.#resolving.once()),
			every(1000, signal, () => this.#resolving.hear()),
		);
		signal.addEventListener(
			"abort",
			() => void Bun.sleep(1500).then(() => reader[Symbol.asyncDispose]()),
		);
	}

	async end(): Promise<void> {
		this.#end.abort();
		await Promise.all(this.#doing);
		for (const client of this.clients) await client.ask();
		await this.#resolving.hear();
	}

	get names(): Resolving {
		return this.#resolving;
	}
}

/** What it has heard is counted, and is not kept: this is not about our own memory. */
function forget(reader: EventSource): number {
	const isEvent = ({ data }: { data: { type: string } }): boolean => data.type === "event";
	const heard = reader.all.filter(isEvent).length;
	reader.all.length = 0;
	return heard;
}

function residentMegabytes(pid: number): number {
	const found = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
	return Number(found?.[1]) / 1024;
}
