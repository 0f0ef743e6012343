/** `watch` with very many connections open, none of which moves. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { refusing } from "../test/support/refuse.ts";
import { spread } from "./figures.ts";
import type { Held } from "./held.ts";
import { Place } from "./place.ts";
import { cpuNs, peakMemory } from "./process.ts";
import { BINARY } from "./start.ts";
import { Running } from "./subjects.ts";

const SETTLE_MS = 2000;

/** Per cent of one CPU in each look, and the memory at the end. `prefix` stands before the command. */
async function looks(
	count: number,
	seconds: number,
	scratch: string,
	prefix: readonly string[] = [],
): Promise<[number[], number]> {
	using place = new Place();
	await using running = await Running.start(
		{
			name: "watch",
			command: [...prefix, BINARY, "watch", "--json", "-i", "1s", "--max-connections", "400000"],
			loads: [],
			isReady: (file) => Bun.file(file).size > 0,
			recorded: () => ({ records: null, lost: null }),
		},
		place,
		scratch,
	);
	await Bun.sleep(SETTLE_MS);
	const found: number[] = [];
	for (let look = 0; look < count; look++) {
		const before = cpuNs(running.pid);
		await Bun.sleep(seconds * 1000);
		found.push((cpuNs(running.pid) - before) / 1e7 / seconds);
	}
	return [found, peakMemory(running.pid)];
}

/** Rows of the table; `held` are the open connections, or null for none. */
export async function idleFigures(
	held: Held | null,
	count: number,
	seconds: number,
): Promise<string[][]> {
	const scratch = mkdtempSync(join(tmpdir(), "conntracer-bench-"));
	try {
		const [cpu, memory] = await looks(count, seconds, scratch);
		const [byIterators] = await looks(count, seconds, scratch, refusing(["test_run"], []));
		const what = held === null ? "no connection" : `${held.connections} idle connections`;
		return [
			[`\`watch\` every second, ${what}: % of one CPU`, spread(cpu, 2)],
			["the same, where maps are walked by iterators", spread(byIterators, 2)],
			[`the same: peak memory, MB`, (memory / 1e6).toFixed(0)],
		];
	} finally {
		rmSync(scratch, { recursive: true });
	}
}
