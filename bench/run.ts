/**
 * Every figure of the README, measured on this machine: `./dev bench`, as root; `./dev bench list`
 * and `./dev bench udp` are those of one thing alone. Markdown on stdout.
 */

import { readdirSync, readFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { VERSION } from "../src/version.ts";
import { Traffic } from "../test/support/traffic.ts";
import { markdownTable, median, spread } from "./figures.ts";
import { listFigures } from "./list.ts";
import { startTimes } from "./start.ts";
import { udpFigures } from "./udp.ts";
import { startWatch, stopWatch } from "./watch.ts";

const STARTS = 11;
const IDLE_SECONDS = 20;
const PAIRS = 7;
const CONNECTIONS = 20_000;
/** Of half a minute and more each: that is how long `ss` takes. */
const LIST_PAIRS = 3;

/** Nanoseconds on a CPU, all threads together: clock ticks are too coarse for so little. */
function cpuNs(pid: number): number {
	const tasks = readdirSync(`/proc/${pid}/task`);
	const times = tasks.map((tid) => readFileSync(`/proc/${pid}/task/${tid}/schedstat`, "utf8"));
	return times.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0);
}

/** Per cent of one CPU. */
async function idleCpu(): Promise<number> {
	const watch = await startWatch();
	await Bun.sleep(2000); // past what is left of the start
	const before = cpuNs(watch.pid);
	await Bun.sleep(IDLE_SECONDS * 1000);
	const used = cpuNs(watch.pid) - before;
	await stopWatch(watch);
	return used / 1e7 / IDLE_SECONDS;
}

/** Connections a second, on loopback, one after the other. */
async function connectionRate(): Promise<number> {
	await using traffic = new Traffic(["churn", "--count", String(CONNECTIONS), "--wait"]);
	await traffic.ready();
	const start = performance.now();
	traffic.go();
	await traffic.finish();
	return CONNECTIONS / ((performance.now() - start) / 1000);
}

async function tracedRate(): Promise<number> {
	const watch = await startWatch();
	const rate = await connectionRate();
	await stopWatch(watch);
	return rate;
}

interface Rates {
	readonly alone: number[];
	readonly traced: number[];
	readonly ratios: number[];
}

/** Pair by pair, each second pair in the other order: drift of the machine falls out of the ratios. */
async function ratePairs(): Promise<Rates> {
	const rates: Rates = { alone: [], traced: [], ratios: [] };
	await connectionRate(); // warms up
	for (let pair = 0; pair < PAIRS; pair++) {
		const tracedFirst = pair % 2 === 1 ? await tracedRate() : null;
		const alone = await connectionRate();
		const traced = tracedFirst ?? (await tracedRate());
		rates.alone.push(alone);
		rates.traced.push(traced);
		rates.ratios.push(traced / alone);
	}
	return rates;
}

async function tracerFigures(): Promise<string[][]> {
	const starts = await startTimes(STARTS);
	const idle = await idleCpu();
	const rates = await ratePairs();
	const extra = median(starts.conntracerMs) - median(starts.libbpfMs);
	return [
		["start to ready, ms", spread(starts.conntracerMs, 1)],
		["libbpf alone, same programs, ms", spread(starts.libbpfMs, 1)],
		["difference of the medians, ms", extra.toFixed(1)],
		[`CPU of an idle \`watch\`, ${IDLE_SECONDS} s, % of one`, idle.toFixed(2)],
		["connections a second, not traced", spread(rates.alone, 0)],
		["connections a second, traced", spread(rates.traced, 0)],
		["traced / not traced, pair by pair", spread(rates.ratios, 3)],
	];
}

const PARTS: Readonly<Record<string, () => Promise<string[][]>>> = {
	tracer: tracerFigures,
	udp: () => udpFigures(3 * PAIRS), // they are short
	list: () => listFigures(LIST_PAIRS),
};
const only = process.argv[2];
const parts = only === undefined ? Object.values(PARTS) : [PARTS[only]];
const figures: string[][] = [];
for (const part of parts) {
	if (part === undefined) throw new Error(`no such bench: ${Object.keys(PARTS).join(", ")}`);
	figures.push(...(await part()));
}

process.stdout.write(
	`conntracer ${VERSION}, Linux ${release()}, ${cpus().length} CPUs (${cpus()[0]?.model}). ` +
		"Medians; in brackets the least and the most, which is the noise of this machine.\n\n" +
		markdownTable(["figure", "value"], figures),
);
