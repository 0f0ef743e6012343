/**
 * Every figure of the README and of bench/results.md, measured on this machine, as root:
 * `./dev bench [--quick] [--scale N] [--seed N] [PART…]`. Markdown on stdout; a run of all parts also writes
 * bench/results.md and its plots. `service`, which takes half an hour (`--minutes N`), runs only where it is
 * named, and alone writes bench/results-service.md.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { VERSION } from "../src/version.ts";
import { accountingFigures } from "./accounting.ts";
import { bpfCost } from "./bpf-cost.ts";
import { clientFigures } from "./clients.ts";
import { hold } from "./held.ts";
import { idleFigures } from "./idle.ts";
import { listFigures } from "./list.ts";
import { type LoadName, loads } from "./loads.ts";
import { installPeers } from "./peers.ts";
import { pressureFigures } from "./pressure.ts";
import { random } from "./random.ts";
import {
	comparisonSection,
	costSection,
	figuresSection,
	type Section,
	serviceSection,
	toMarkdown,
	writePlots,
} from "./results.ts";
import { compare } from "./rounds.ts";
import { serviceFigures } from "./service.ts";
import { startFigures } from "./start.ts";
import { type Subject, subjects } from "./subjects.ts";
import { provideTracefs } from "./tracefs.ts";
import { udpFigures } from "./udp.ts";

const RESULTS = join(import.meta.dir, "results.md");
const SERVICE_RESULTS = join(import.meta.dir, "results-service.md");

const { values: options, positionals: wanted } = parseArgs({
	options: {
		quick: { type: "boolean", default: false },
		scale: { type: "string" },
		seed: { type: "string", default: `${Date.now() % 1_000_000}` },
		minutes: { type: "string", default: "30" },
	},
	allowPositionals: true,
});

/** How much of each. */
const size = options.quick
	? { pairs: 1, scale: 0.4, starts: 3, looks: 1, lists: 1, holders: 2, udp: 1, accounts: 1 }
	: { pairs: 5, scale: 1, starts: 11, looks: 5, lists: 3, holders: 12, udp: 7, accounts: 3 };

const scratch = mkdtempSync(join(tmpdir(), "conntracer-bench-"));
const next = random(Number(options.seed));
const peers = installPeers();
const all = subjects(peers);
const theLoads = loads(options.scale === undefined ? size.scale : Number(options.scale));

const under = (name: LoadName): Subject[] => all.filter((each) => each.loads.includes(name));

const section = (name: LoadName) => async (): Promise<Section[]> => {
	const result = await compare(theLoads[name], under(name), size.pairs, next, scratch);
	return [comparisonSection(name, result)];
};

async function costs(): Promise<Section[]> {
	const found = [];
	for (const subject of under("connect"))
		if (!subject.isLocal) found.push(await bpfCost(subject, theLoads.connect, scratch));
	return [costSection(found)];
}

async function held(): Promise<Section[]> {
	const none = await idleFigures(null, size.looks, 4);
	await using open = await hold(size.holders);
	const idle = await idleFigures(open, size.looks, IDLE_SECONDS);
	const list = await listFigures(open, size.lists);
	return [figuresSection("Connections that are open", [...none, ...idle, ...list])];
}

/** One fold of eight is of all that are idle. */
const IDLE_SECONDS = 8;

const PARTS: Readonly<Record<string, () => Promise<Section[]>>> = {
	start: async () => [figuresSection("Start", await startFigures(size.starts, peers.tcplife))],
	connect: section("connect"),
	connect10k: section("connect10k"),
	connect40k: section("connect40k"),
	bpf: costs,
	message: section("message"),
	bulk: section("bulk"),
	datagram: section("datagram"),
	udp: async () => [figuresSection("UDP, program by program", await udpFigures(size.udp))],
	mixed: section("mixed"),
	held,
	clients: () =>
		Promise.resolve([figuresSection("Clients that are told", clientFigures(size.looks + 4))]),
	pressure: async () => [
		figuresSection("Under pressure", await pressureFigures(options.quick ? 5 : 30, scratch)),
	],
	accounting: async () => [
		figuresSection("Flows of conntrack", await accountingFigures(size.accounts)),
	],
};

/** Half an hour: not part of the whole. */
const ALONE = "service";

async function service(): Promise<Section[]> {
	return [serviceSection(await serviceFigures(Number(options.minutes), scratch))];
}

function headline(): string {
	return (
		`# Measured\n\nconntracer ${VERSION}, Linux ${release()}, ${cpus().length} CPUs ` +
		`(${cpus()[0]?.model}), libbpf-tools ${peers.version}; \`./dev bench --seed ${options.seed}` +
		`${options.quick ? " --quick" : ""}\`.\n\nMedians; in brackets the least and the most, which is ` +
		"the noise of this machine. Ratios are of the mean of the runs without a tracer right before " +
		"and after."
	);
}

// They would end the process without what is to be done at its exit.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

try {
	provideTracefs();
	const parts = { ...PARTS, [ALONE]: service };
	for (const part of wanted)
		if (!Object.hasOwn(parts, part))
			throw new Error(`no such part: ${part} (${Object.keys(parts).join(", ")})`);
	const found: Section[] = [];
	for (const [name, part] of Object.entries(parts)) {
		if (wanted.length > 0 ? !wanted.includes(name) : name === ALONE) continue;
		process.stderr.write(`bench: ${name}\n`);
		found.push(...(await part()));
	}
	const text = toMarkdown(headline(), found);
	if (wanted.length === 0 || `${wanted}` === ALONE) {
		writeFileSync(wanted.length === 0 ? RESULTS : SERVICE_RESULTS, text);
		writePlots(found);
	}
	process.stdout.write(text);
} finally {
	rmSync(scratch, { recursive: true });
}
