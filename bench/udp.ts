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

/** Round trips a second. */
async function pingPong(transport: Transport): Promise<number> {
	const command = [PROGRAM, transport, String(ROUND_TRIPS)];
	const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
	const rate = Number(await new Response(child.stdout).text());
	if ((await child.exited) !== 0) throw new Error("ping-pong has failed");
	return rate;
}

async function rateUnder(setting: Setting, transport: Transport): Promise<number> {
	if (setting === null) return await pingPong(transport);
	const watch = await startWatch(...setting);
	const rate = await pingPong(transport);
	await stopWatch(watch);
	return rate;
}

/** A rate of each setting in each round; every second round runs them backwards. */
async function rounds(
	count: number,
	transport: Transport,
	settings: readonly Setting[],
): Promise<number[][]> {
	const rates: number[][] = settings.map(() => []);
	await pingPong(transport); // warms up
	for (let round = 0; round < count; round++) {
		const order = [...settings.entries()];
		if (round % 2 === 1) order.reverse();
		for (const [index, setting] of order) rates[index]?.push(await rateUnder(setting, transport));
	}
	return rates;
}

const ratios = (traced: readonly number[], alone: readonly number[]): number[] =>
	traced.map((rate, index) => rate / (alone[index] ?? Number.NaN));

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
	const [alone = [], traced = []] = await rounds(count, "udp", [null, []]);
	const settings = [null, [], ["--transport", "tcp"]];
	const [stream = [], streamTraced = [], streamOnly = []] = await rounds(count, "tcp", settings);
	return [
		["UDP round trips a second, not traced", spread(alone, 0)],
		["UDP, `watch`", spread(traced, 0)],
		["UDP, traced / not traced, pair by pair", spread(ratios(traced, alone), 3)],
		["TCP round trips a second, not traced", spread(stream, 0)],
		["TCP, `watch` / not traced, pair by pair", spread(ratios(streamTraced, stream), 3)],
		[
			"TCP, `watch --transport tcp` / not traced, pair by pair",
			spread(ratios(streamOnly, stream), 3),
		],
		...(await programCosts("udp")),
		...(await programCosts("tcp")),
	];
}
