/** `list` beside `ss -tinp`, each into a file, with very many connections open; and is it right? */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Truth } from "../test/support/traffic.ts";
import { spread } from "./figures.ts";
import type { Held } from "./held.ts";
import { BINARY } from "./start.ts";

/** Milliseconds, with the output in a file as a shell makes it. */
function run(command: string, file: string): number {
	const start = performance.now();
	const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", `${command} > ${file}`]);
	const elapsed = performance.now() - start;
	if (exitCode !== 0) throw new Error(`${command}: ${stderr}`);
	return elapsed;
}

/** Each process has its connections, and what they moved, in the table. */
function check(table: string, truths: readonly Truth[]): void {
	const [header = "", ...lines] = table.trimEnd().split("\n");
	const names = header.split(/ +/);
	const [pid, sent, received] = ["PID", "SENT_BYTES", "RECV_BYTES"].map((n) => names.indexOf(n));
	const found = new Map<number, number[]>();
	for (const line of lines) {
		const cells = line.split(/ +/).map(Number);
		const sums = found.get(cells[pid ?? -1] ?? 0) ?? [0, 0, 0];
		const more = [1, cells[sent ?? -1] ?? 0, cells[received ?? -1] ?? 0];
		found.set(
			cells[pid ?? -1] ?? 0,
			sums.map((sum, i) => sum + (more[i] ?? 0)),
		);
	}
	for (const truth of truths) {
		const expected = [truth.opened, truth.bytes_sent, truth.bytes_received].join(" ");
		const listed = found.get(truth.pid)?.join(" ");
		if (listed !== expected)
			throw new Error(`list, process ${truth.pid}: ${listed}; it has ${expected}`);
	}
}

/** Pair by pair, each second pair in the other order. */
export async function listFigures(held: Held, pairs: number): Promise<string[][]> {
	const scratch = mkdtempSync(join(tmpdir(), "conntracer-bench-"));
	const [ours, theirs] = [join(scratch, "list"), join(scratch, "ss")];
	const [list, ss]: [number[], number[]] = [[], []];
	try {
		const runList = (): void => {
			list.push(run(`${BINARY} list`, ours) / 1000);
			check(readFileSync(ours, "utf8"), held.truths);
		};
		const runSs = (): void => void ss.push(run("ss -tinp", theirs) / 1000);
		for (let pair = 0; pair < pairs; pair++)
			for (const one of pair % 2 === 0 ? [runList, runSs] : [runSs, runList]) one();
		const ratios = list.map((seconds, i) => seconds / (ss[i] ?? Number.NaN));
		return [
			[
				`\`list\`, ${held.connections} connections on loopback, table to a file, s`,
				spread(list, 2),
			],
			["`ss -tinp` to a file for the same, s", spread(ss, 2)],
			["`list` / `ss`, pair by pair", spread(ratios, 3)],
		];
	} finally {
		rmSync(scratch, { recursive: true });
	}
}
