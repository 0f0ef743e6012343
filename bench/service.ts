/** `conntracer serve` for long: whether its memory stays as it is, and every client hears everything. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EventSource } from "../test/support/event-source.ts";
import { ownPrograms, runTraffic, Traffic, totals } from "../test/support/traffic.ts";
import { cpuNs } from "./process.ts";
import { BINARY } from "./start.ts";

/** What one run has shown. */
export interface ServiceFigures {
	readonly minutes: number;
	/** MB, with the minutes at which they were measured. */
	readonly memory: readonly (readonly [minute: number, megabytes: number])[];
	readonly rows: readonly string[][];
}

const { client: CLIENT, names: NAMES } = ownPrograms("svc");
const TOKEN = "a-token-of-a-benchmark-0123456789";
const ROUND = ["churn", "--count", "500", "--request", "777", "--response", "1234", ...NAMES];
const HELD = 2000;
/** Between two rounds: some 500 connections a second. */
const PAUSE_MS = 700;
const CLIENTS = 10;
const SAMPLE_MS = 5000;
const STEP_MS = 10_000;
const SCRAPE_MS = 5000;
/** What is warm by then is not growth. */
const WARM_SHARE = 0.25;

/** A service, asked on both of its doors, whose log goes to a disk that is full. */
class Served implements AsyncDisposable {
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
		const stdio = { stdin: "ignore", stdout: "ignore", stderr: "inherit" } as const;
		this.#child = Bun.spawn([BINARY, "serve", ...where], stdio);
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

/** What one client has heard of the clients of the load. */
class Client {
	connections = 0;
	bytes = 0;
	lost = 0;
	readonly #name: string;
	readonly #served: Served;

	constructor(served: Served, name: string) {
		this.#served = served;
		this.#name = name;
	}

	async ask(): Promise<void> {
		const response = await this.#served.ask(`/connections?client_id=${this.#name}`);
		const { connections, lost, gaps } = (await response.json()) as Told;
		for (const { process, since_last } of connections) {
			if (process !== CLIENT) continue;
			this.connections += since_last.connections_closed;
			this.bytes += since_last.bytes_sent;
		}
		this.lost += lost.closed + lost.open + gaps.length;
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
	readonly gaps: readonly unknown[];
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
	await every(200, signal, async () => {
		const { body } = await served.ask(`/flows?client_id=passer-by-${passed++}`);
		await body?.cancel();
	});
}

/** Everybody who asks while there is load. */
class Askers {
	readonly memory: [minute: number, megabytes: number][] = [];
	readonly clients: readonly Client[];
	heardEvents = 0;
	readonly #served: Served;
	readonly #end = new AbortController();
	readonly #startedAt = performance.now();
	readonly #doing: Promise<void>[] = [];

	constructor(served: Served) {
		this.#served = served;
		this.clients = Array.from({ length: CLIENTS }, (_, at) => new Client(served, `client-${at}`));
	}

	get minutes(): number {
		return (performance.now() - this.#startedAt) / 60_000;
	}

	/** Comes back when each of them will hear of what happens from now on. */
	async start(held: Traffic): Promise<void> {
		const [served, { signal }] = [this.#served, this.#end];
		for (const client of this.clients) await client.ask();
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
	}
}

/** @param minutes of load */
export async function serviceFigures(minutes: number, scratch: string): Promise<ServiceFigures> {
	await using served = new Served(scratch);
	await served.ready();
	const timeout = ["--timeout", `${Math.ceil(minutes * 60) + 60}`];
	await using held = new Traffic(["hold", "--count", `${HELD}`, ...timeout]);
	await held.held();
	const askers = new Askers(served);
	await askers.start(held);
	const cpuAtStart = cpuNs(served.pid);
	const truth = { opened: 0, bytes_sent: 0 };
	while (askers.minutes < minutes) {
		const { opened, bytes_sent } = totals((await runTraffic(ROUND)).clients);
		truth.opened += opened;
		truth.bytes_sent += bytes_sent;
		await Bun.sleep(PAUSE_MS);
	}
	const cpu = (cpuNs(served.pid) - cpuAtStart) / 1e9 / (askers.minutes * 60);
	await Bun.sleep(2000);
	await askers.end();
	const { clients, memory, heardEvents } = askers;
	const told = clients.map(({ connections, bytes }) => [connections, bytes]);
	const isAll = told.every(([n, bytes]) => n === truth.opened && bytes === truth.bytes_sent);
	const lost = clients.reduce((sum, client) => sum + client.lost, 0);
	const rows = [
		["connections", `${truth.opened}, ${(truth.opened / minutes / 60).toFixed(0)} a second`],
		[`each of ${CLIENTS} clients heard of all, and of each byte`, isAll ? "yes" : `no: ${told}`],
		["lost, all clients", `${lost}`],
		["a reader of events heard of", `${heardEvents}`],
		["CPU of the service", `${(cpu * 100).toFixed(1)} % of one`],
		...memoryRows(memory),
	];
	return { minutes, memory, rows };
}

function memoryRows(memory: readonly (readonly [number, number])[]): string[][] {
	const warm = memory.slice(Math.floor(memory.length * WARM_SHARE));
	const [first = 0, last = 0] = [warm[0]?.[1], warm.at(-1)?.[1]];
	const most = Math.max(...memory.map(([, megabytes]) => megabytes));
	return [
		["memory after a quarter of the time, MB", first.toFixed(0)],
		["memory at the end, MB", last.toFixed(0)],
		["most memory, MB", most.toFixed(0)],
		["growth by least squares, after the first quarter, MB an hour", slope(warm).toFixed(1)],
	];
}

/** Per hour, of minutes. */
function slope(points: readonly (readonly [number, number])[]): number {
	const mean = (at: 0 | 1): number => points.reduce((sum, one) => sum + one[at], 0) / points.length;
	const [x0, y0] = [mean(0), mean(1)];
	const up = points.reduce((sum, [x, y]) => sum + (x - x0) * (y - y0), 0);
	return (60 * up) / points.reduce((sum, [x]) => sum + (x - x0) ** 2, 0);
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
