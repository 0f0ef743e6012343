/** `conntracer serve` for long: whether its memory stays as it is, and every client hears everything. */

import { NameScene } from "../test/support/names.ts";
import { runTraffic, totals } from "../test/support/traffic.ts";
import { cpuNs } from "./process.ts";
import { Askers, CLIENTS, Held, PROGRAMS, Served } from "./service-askers.ts";

/** What one run has shown. */
export interface ServiceFigures {
	readonly minutes: number;
	/** MB, with the minutes at which they were measured. */
	readonly memory: readonly (readonly [minute: number, megabytes: number])[];
	readonly rows: readonly string[][];
}

const ROUND = [
	"churn",
	"--count",
	"500",
	"--request",
	"777",
	"--response",
	"1234",
	...PROGRAMS.names,
];
/** Between two rounds: some 500 connections a second. */
const PAUSE_MS = 700;
/** What is warm by then is not growth. */
const WARM_SHARE = 0.25;

/** @param minutes of load */
export async function serviceFigures(minutes: number, scratch: string): Promise<ServiceFigures> {
	await using served = new Served(scratch);
	await served.ready();
	await using held = new Held();
	await held.step();
	await using scene = new NameScene();
	const resolver = await scene.serve([], ["--host-record=web.test,10.77.0.2", "--local=/test/"]);
	const askers = new Askers(served, scene);
	await askers.start(held);
	const cpuAtStart = cpuNs(served.pid);
	const truth = { opened: 0, bytes_sent: 0 };
	let isGone = false;
	while (askers.minutes < minutes) {
		if (!isGone && askers.minutes > minutes / 2) {
			isGone = true;
			await resolver[Symbol.asyncDispose]();
		}
		const { opened, bytes_sent } = totals((await runTraffic(ROUND)).clients);
		truth.opened += opened;
		truth.bytes_sent += bytes_sent;
		await Bun.sleep(PAUSE_MS);
	}
	const cpu = (cpuNs(served.pid) - cpuAtStart) / 1e9 / (askers.minutes * 60);
	await Bun.sleep(2000);
	await askers.end();
	const { clients, memory, heardEvents, names } = askers;
	const told = clients.map(({ connections, bytes }) => [connections, bytes]);
	const isAll = told.every(([n, bytes]) => n === truth.opened && bytes === truth.bytes_sent);
	const lost = clients.map((client) => JSON.stringify(client.lost));
	const rows = [
		["connections", `${truth.opened}, ${(truth.opened / minutes / 60).toFixed(0)} a second`],
		[`each of ${CLIENTS} clients heard of all, and of each byte`, isAll ? "yes" : `no: ${told}`],
		["lost, of each client, by stage", [...new Set(lost)].join(" or ")],
		["a reader of events heard of", `${heardEvents}`],
		[
			"names resolved until the resolver was gone; answers heard of; timeouts since",
			`${names.resolved}; ${names.heard}; ${names.timeouts}`,
		],
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
