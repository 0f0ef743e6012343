/** What BPF programs did and cost, and how full their tables are, in words. */

import type { ProbeMap, ProbeProgram, ProbeStats } from "../flow/probe-stats.ts";
import { safeText } from "./text.ts";

/** Program or table, a number of it, and what else there is to say. */
export interface ProbeLine {
	readonly topic: string;
	readonly item: string;
	readonly value: number | null;
	readonly remark: string | null;
}

/** @param of the run that they are of, "watch" */
export function probeLines(stats: ProbeStats, of: string): ProbeLine[] {
	const { ring_buffer, lost } = stats;
	const buffer = { name: "ring_buffer", type: "bytes" };
	const buffers =
		ring_buffer === null
			? []
			: [{ ...buffer, entries: ring_buffer.waiting_bytes, max_entries: ring_buffer.size_bytes }];
	return [
		...stats.programs.filter(isShown).map((program) => {
			const topic = `runs of programs: ${of}`;
			return { topic, item: program.name, value: program.runs, remark: remarkOf(program) };
		}),
		...[...stats.maps, ...buffers].map((map) => {
			const topic = `entries of tables: ${of}`;
			return { topic, item: map.name, value: map.entries, remark: fillOf(map) };
		}),
		...lossesOf(lost).map((loss) => ({ topic: `lost: ${of}`, ...loss, remark: null })),
	];
}

function lossesOf(lost: ProbeStats["lost"]): Pick<ProbeLine, "item" | "value">[] {
	const some = Object.entries(lost).filter(([, count]) => count > 0);
	if (some.length === 0) return [{ item: "any stage", value: 0 }];
	return some.map(([item, value]) => ({ item, value }));
}

/** A line for each program that was attached, for standard error. */
export function programsText(programs: readonly ProbeProgram[]): string {
	return programs
		.filter(isShown)
		.map((program) => {
			const runs = program.runs === null ? "runs not counted" : `${program.runs} runs`;
			return `conntracer: ${safeText(`${program.name}: ${runs}, ${remarkOf(program)}`)}\n`;
		})
		.join("");
}

const isShown = ({ attached }: ProbeProgram): boolean => attached;

function remarkOf(program: ProbeProgram): string {
	const { runs, run_time_ns, hook } = program;
	const cost = runs && run_time_ns !== null ? [`${Math.round(run_time_ns / runs)} ns each`] : [];
	return [...cost, missesOf(program), hook].join(", ");
}

function missesOf({ recursion_misses, kprobe_misses }: ProbeProgram): string {
	const known = [recursion_misses, kprobe_misses].filter((misses) => misses !== null);
	if (known.length === 0) return "misses not known";
	return `${known.reduce((sum, misses) => sum + misses, 0)} missed`;
}

function fillOf({ type, entries, max_entries }: ProbeMap): string {
	const fill = entries === null ? "" : ` (${((100 * entries) / max_entries).toFixed(1)} %)`;
	return `of ${max_entries}${fill}, ${type}`;
}
