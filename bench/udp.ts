/** What tracing UDP costs: round trips of UDP, of TCP beside it, and each program of ours. */

import { join } from "node:path";
import { BpfStatistics, bpfIdsOf } from "../test/support/bpf.ts";
import { spread } from "./figures.ts";
import { startWatch, stopWatch } from "./watch.ts";

const PROGRAM = join(import.meta.dir, "..", "build", "bench-ping-pong");
const ROUND_TRIPS = 40_000;

type Transport = "udp" | "tcp";

/** Of which the rates stand beside each other; null: not traced. */
type Setting = readonly string[] | null;

function compile(): void {
	const source = join(import.meta.dir, "ping-pong.c");
	const run = Bun.spawnSync(["clang", "-O2", source, "-o", PROGRAM]);
	if (!run.success) throw new Error(`ping-pong.c does not compile:\n${run.stderr}`);
}

interface Pace {
	/** Round trips a second. */
	readonly rate: number;
	/** On a CPU, of both processes, for one round trip. */
	readonly cpuNs: number;
}

async function pingPong(transport: Transport): Promise<Pace> {
	const command = [PROGRAM, transport, String(ROUND_TRIPS)];
	const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
	const [rate, cpuNs] = (await new Response(child.stdout).text()).split(" ").map(Number);
	if ((await child.exited) !== 0 || rate === undefined || cpuNs === undefined)
		throw new Error("ping-pong has failed");
	return { rate, cpuNs };
}

async function paceUnder(setting: Setting, transport: Transport): Promise<Pace> {
	if (setting === null) return await pingPong(transport);
	const watch = await startWatch(...setting);
	const pace = await pingPong(transport);
	await stopWatch(watch);
	return pace;
}

/** A pace of each setting in each round; every second round runs them backwards. */
async function rounds(
	count: number,
	transport: Transport,
	settings: readonly Setting[],
): Promise<Pace[][]> {
	const paces: Pace[][] = settings.map(() => []);
	await pingPong(transport); // warms up
	for (let round = 0; round < count; round++) {
		const order = [...settings.entries()];
		if (round % 2 === 1) order.reverse();
		for (const [index, setting] of order) paces[index]?.push(await paceUnder(setting, transport));
	}
	return paces;
}

/** Both of what is traced and of what is not, and of each pair. */
function compared(what: string, traced: readonly Pace[], alone: readonly Pace[]): string[][] {
	const ratios = (of: keyof Pace): number[] =>
		traced.map((pace, index) => pace[of] / (alone[index]?.[of] ?? Number.NaN));
	return [
		[`${what}: round trips a second, of those not traced`, spread(ratios("rate"), 3)],
		[`${what}: CPU of a round trip, of that not traced`, spread(ratios("cpuNs"), 3)],
	];
}

function alone(what: string, paces: readonly Pace[]): string[][] {
	const of = (key: keyof Pace): number[] => paces.map((pace) => pace[key]);
	return [
		[`${what}, not traced: round trips a second`, spread(of("rate"), 0)],
		[`${what}, not traced: ns of CPU for one`, spread(of("cpuNs"), 0)],
	];
}

interface Cost {
	readonly id: number;
	readonly name: string;
	readonly run_cnt?: number;
	readonly run_time_ns?: number;
}

/** Nanoseconds a run, of each program that ran for the traffic; the kernel's own measuring is in it. */
async function programCosts(transport: Transport): Promise<string[][]> {
	using _ = new BpfStatistics();
	const watch = await startWatch();
	const { programs } = bpfIdsOf(watch.pid);
	await pingPong(transport);
	const shown = Bun.spawnSync(["bpftool", "-j", "prog", "show"]).stdout.toString();
	const costs: Cost[] = JSON.parse(shown);
	await stopWatch(watch);
	return costs
		.filter(({ id, run_cnt }) => programs.has(id) && (run_cnt ?? 0) >= ROUND_TRIPS)
		.map(({ name, run_cnt = 0, run_time_ns = 0 }) => [
			`${name}, ${transport}: ns a run`,
			(run_time_ns / run_cnt).toFixed(0),
		]);
}

/** @param count of rounds */
export async function udpFigures(count: number): Promise<string[][]> {
	compile();
	const [udp = [], udpTraced = []] = await rounds(count, "udp", [null, []]);
	const settings = [null, [], ["--transport", "tcp"]];
	const [tcp = [], tcpTraced = [], tcpOnly = []] = await rounds(count, "tcp", settings);
	return [
		...alone("UDP", udp),
		...compared("UDP, `watch`", udpTraced, udp),
		...alone("TCP", tcp),
		...compared("TCP, `watch`", tcpTraced, tcp),
		...compared("TCP, `watch --transport tcp`", tcpOnly, tcp),
		...(await programCosts("udp")),
		...(await programCosts("tcp")),
	];
}
