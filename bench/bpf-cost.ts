/** What the BPF programs of a subject cost for one connection: runs and nanoseconds, both ends. */

import { BpfStatistics, bpfIdsOf } from "../test/support/bpf.ts";
import { EndedAtOnce } from "./ended.ts";
import { type Load, runLoad } from "./loads.ts";
import { Place } from "./place.ts";
import { Running, type Subject } from "./subjects.ts";

export interface BpfCost {
	readonly subject: Subject;
	readonly runs: number;
	/** The kernel's own measuring is in it. */
	readonly ns: number;
	/** With its last word, where there was nothing to measure. */
	readonly endedAtOnce: string | null;
}

interface Program {
	readonly id: number;
	readonly run_cnt?: number;
	readonly run_time_ns?: number;
}

function totals(pid: number): { runs: number; ns: number } {
	const { programs } = bpfIdsOf(pid);
	const shown = Bun.spawnSync(["bpftool", "-j", "prog", "show"]).stdout.toString();
	const ours: Program[] = JSON.parse(shown).filter(({ id }: Program) => programs.has(id));
	return {
		runs: ours.reduce((sum, { run_cnt = 0 }) => sum + run_cnt, 0),
		ns: ours.reduce((sum, { run_time_ns = 0 }) => sum + run_time_ns, 0),
	};
}

/** Of one operation of the load. */
export async function bpfCost(subject: Subject, load: Load, scratch: string): Promise<BpfCost> {
	using _ = new BpfStatistics();
	using place = new Place();
	const started = await Running.tryStart(subject, place, scratch);
	if (started instanceof EndedAtOnce)
		return { subject, runs: Number.NaN, ns: Number.NaN, endedAtOnce: started.message };
	await using running = started;
	const before = totals(running.pid);
	const { operations } = await runLoad(place, load);
	const after = totals(running.pid);
	await running.stop();
	return {
		subject,
		runs: (after.runs - before.runs) / operations,
		ns: (after.ns - before.ns) / operations,
		endedAtOnce: null,
	};
}
