/** Subjects under a load, pair by pair: each beside runs without a tracer right before and after. */

import { EndedAtOnce } from "./ended.ts";
import { median } from "./figures.ts";
import { type Load, type Pace, runLoad } from "./loads.ts";
import { Place } from "./place.ts";
import { cpuNs, machineBusy, peakMemory, userSeconds } from "./process.ts";
import { shuffled } from "./random.ts";
import { Running, type Subject } from "./subjects.ts";

/** One run of a load. */
interface Sample {
	readonly pace: Pace;
	/** Operations a second. */
	readonly rate: number;
	/** Seconds that the CPUs were busy, for one operation. */
	readonly machine: number;
}

/** Of one subject: a value of each pair, as far as the name says, of that without a tracer. */
export interface Comparison {
	readonly subject: Subject;
	readonly rateRatios: number[];
	readonly p50Ratios: number[];
	readonly p99Ratios: number[];
	readonly machineRatios: number[];
	/** Seconds on a CPU of the tracer's process, for a million operations. */
	readonly tracerSeconds: number[];
	/** Of all pairs together: seconds in user space, and operations. */
	userSeconds: number;
	operations: number;
	readonly peakBytes: number[];
	/** Records, of what one for each end of a connection would be. */
	readonly recordRatios: number[];
	readonly lost: number[];
	/** How often it was not there any more when the load was done. */
	ended: number;
	/** With its last word, where it was gone before there was a load: nothing was measured. */
	endedAtOnce: string | null;
}

export interface Comparisons {
	readonly load: Load;
	/** Without a tracer: operations a second, and microseconds of one. */
	readonly rates: number[];
	readonly p50s: number[];
	readonly p99s: number[];
	readonly subjects: readonly Comparison[];
}

async function sample(place: Place, load: Load): Promise<Sample> {
	const busy = machineBusy();
	const pace = await runLoad(place, load);
	return {
		pace,
		rate: pace.operations / pace.seconds,
		machine: (machineBusy() - busy) / pace.operations,
	};
}

const begin = (subject: Subject): Comparison => ({
	subject,
	rateRatios: [],
	p50Ratios: [],
	p99Ratios: [],
	machineRatios: [],
	tracerSeconds: [],
	userSeconds: 0,
	operations: 0,
	peakBytes: [],
	recordRatios: [],
	lost: [],
	ended: 0,
	endedAtOnce: null,
});

/** Adds what this run shows, between the two without a tracer. */
async function traced(
	to: Comparison,
	place: Place,
	load: Load,
	scratch: string,
): Promise<(before: Sample, after: Sample) => void> {
	const started = await Running.tryStart(to.subject, place, scratch);
	if (started instanceof EndedAtOnce) {
		to.endedAtOnce = started.message;
		return () => {};
	}
	await using running = started;
	const before = cpuNs(running.pid);
	const userBefore = userSeconds(running.pid);
	const result = await sample(place, load);
	if (running.hasEnded) {
		to.ended++;
		return () => {};
	}
	to.tracerSeconds.push((cpuNs(running.pid) - before) / 1e3 / result.pace.operations);
	to.userSeconds += userSeconds(running.pid) - userBefore;
	to.operations += result.pace.operations;
	to.peakBytes.push(peakMemory(running.pid));
	const { records, lost } = await running.stop();
	if (records !== null && load.connections > 0)
		to.recordRatios.push(records / (2 * load.connections * result.pace.operations));
	if (lost !== null) to.lost.push(lost);
	return (first, last) => {
		const ratio = (of: (one: Sample) => number): number =>
			of(result) / ((of(first) + of(last)) / 2);
		to.rateRatios.push(ratio((one) => one.rate));
		to.p50Ratios.push(ratio((one) => one.pace.p50_us));
		to.p99Ratios.push(ratio((one) => one.pace.p99_us));
		to.machineRatios.push(ratio((one) => one.machine));
	};
}

/** @param next random numbers, for the order in each round */
export async function compare(
	load: Load,
	subjects: readonly Subject[],
	pairs: number,
	next: () => number,
	scratch: string,
): Promise<Comparisons> {
	const comparisons = subjects.map(begin);
	const result: Comparisons = { load, rates: [], p50s: [], p99s: [], subjects: comparisons };
	for (const tracksConnections of [false, true]) {
		const some = comparisons.filter(
			({ subject }) => (subject.tracksConnections ?? false) === tracksConnections,
		);
		if (some.length === 0) continue;
		using place = new Place();
		if (tracksConnections) place.trackConnections();
		await sample(place, load); // warms up
		let before = await sample(place, load);
		for (let pair = 0; pair < pairs; pair++)
			for (const one of shuffled(some, next)) {
				const add = await traced(one, place, load, scratch);
				const after = await sample(place, load);
				add(before, after);
				if (!tracksConnections) note(result, before);
				before = after;
			}
	}
	return result;
}

function note({ rates, p50s, p99s }: Comparisons, { rate, pace }: Sample): void {
	rates.push(rate);
	p50s.push(pace.p50_us);
	p99s.push(pace.p99_us);
}

/** Of all pairs; null where nothing was measured. */
export const typical = (values: readonly number[]): number | null =>
	values.length === 0 ? null : median(values);
