import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ClockHistory } from "../../src/flow/clock-history.ts";
import { WallClock } from "../../src/flow/wall-clock.ts";
import { clocksOf, readingOf, u64 } from "../support/clocks.ts";

const SECOND = 1_000_000_000n;
const HOUR = 3600n * SECOND;
const TEN_YEARS = 3653n * 24n * HOUR;
const START = 1_795_315_598n * SECOND;

/** A machine whose clocks are read as they are, and set, and that sleeps. */
class Machine {
	monotonicNs: bigint;
	realtimeNs = START;
	asleepNs = 0n;

	constructor(uptimeNs: bigint) {
		this.monotonicNs = uptimeNs;
	}

	run(ns: bigint): void {
		this.monotonicNs += ns;
		this.realtimeNs += ns;
	}

	sleep(ns: bigint): void {
		this.asleepNs += ns;
		this.realtimeNs += ns;
	}

	get reading() {
		const { monotonicNs, realtimeNs, asleepNs } = this;
		return readingOf({ monotonicNs, realtimeNs, boottimeNs: monotonicNs + asleepNs });
	}
}

const nsOf = (text: string): bigint =>
	BigInt(Date.parse(`${text.slice(0, 19)}Z`)) * 1_000_000n + BigInt(text.slice(20, 29));

const uptimes = fc.bigInt(10n * HOUR, TEN_YEARS);
/** What happens between two readings. */
const happenings = fc.array(
	fc.record({
		ran: fc.bigInt(1n, 20n * HOUR),
		set: fc.option(fc.bigInt(-10n * HOUR, 10n * HOUR), { freq: 2 }),
		slept: fc.option(fc.bigInt(1n, 10n * HOUR), { freq: 2 }),
	}),
	{ minLength: 1, maxLength: 60 },
);

interface Met {
	readonly at: DataView;
	readonly realtimeNs: bigint;
	readonly livedNs: bigint;
}

/** One moment before each thing that happens, which is long before or after the next reading. */
function lived(uptime: bigint, all: typeof happenings extends fc.Arbitrary<infer T> ? T : never) {
	const machine = new Machine(uptime);
	const clocks = new ClockHistory(machine.reading);
	const met: Met[] = [];
	for (const { ran, set, slept } of all) {
		machine.run(ran);
		const { monotonicNs, realtimeNs, asleepNs } = machine;
		met.push({ at: u64(monotonicNs), realtimeNs, livedNs: monotonicNs + asleepNs });
		clocks.follow(machine.reading);
		// A step is placed between two readings.
		machine.run(2n);
		machine.realtimeNs += set ?? 0n;
		machine.sleep(slept ?? 0n);
		clocks.follow(machine.reading);
	}
	return { clocks, met };
}

describe("a moment has the wall time that it had, when it is read later", () => {
	test("whatever the clock was set to since, and however long the machine slept", () => {
		fc.assert(
			fc.property(uptimes, happenings, (uptime, all) => {
				const { clocks, met } = lived(uptime, all);
				const clock = new WallClock(clocks);
				for (const { at, realtimeNs } of met) {
					const off = nsOf(clock.text(clocks.since(at, 0))) - realtimeNs;
					expect(off < 1000n && off > -1000n).toBe(true);
				}
			}),
		);
	});

	test("and is found again by it, where the clock showed it once", () => {
		fc.assert(
			fc.property(uptimes, happenings, (uptime, all) => {
				const forward = all.map((one) => ({ ...one, set: (one.set ?? 0n) < 0n ? null : one.set }));
				const { clocks, met } = lived(uptime, forward);
				for (const { at, realtimeNs } of met) {
					const instant = { seconds: Number(realtimeNs / SECOND), ns: Number(realtimeNs % SECOND) };
					const found = clocks.monotonicMs(clocks.momentOf(instant));
					expect(found).toBeCloseTo(Number(at.getBigUint64(0, true)) / 1e6, 2);
				}
			}),
		);
	});
});

test("a duration is what passed, asleep or not, whatever the clock was set to", () => {
	fc.assert(
		fc.property(uptimes, happenings, (uptime, all) => {
			const { clocks, met } = lived(uptime, all);
			const [first] = met;
			for (const { at, livedNs } of met) {
				const passed = clocks.durationNs(clocks.since(first?.at ?? at, 0), clocks.since(at, 0));
				const off = BigInt(Math.round(passed)) - (livedNs - (first?.livedNs ?? 0n));
				expect(off < 1000n && off > -1000n).toBe(true);
			}
		}),
	);
});

test("moments near the last reading are exact to the nanosecond, at any uptime", () => {
	fc.assert(
		fc.property(uptimes, fc.bigInt(-HOUR, HOUR), fc.bigInt(0n, 40n * 24n * HOUR), (at, by, run) => {
			const machine = new Machine(at);
			const clocks = new ClockHistory(machine.reading);
			machine.run(run);
			clocks.follow(machine.reading);
			const moment = clocks.since(u64(machine.monotonicNs + by), 0);
			expect(BigInt(moment - clocks.last)).toBe(by);
			expect(nsOf(new WallClock(clocks).text(moment))).toBe(machine.realtimeNs + by);
		}),
	);
});

test("what the reading takes is no step", () => {
	const clocks = clocksOf({ withinNs: 300n, realtimeNs: START });
	const text = (): string => new WallClock(clocks).text(clocks.since(u64(5n), 0));
	const before = text();
	const late = { withinNs: 5_000_000n, boottimeNs: SECOND, monotonicNs: SECOND };
	clocks.follow(readingOf({ ...late, realtimeNs: START + SECOND + 4_000_000n }));
	clocks.follow(readingOf({ ...late, realtimeNs: START + SECOND - 299n, withinNs: 300n }));
	expect(text()).toBe(before);
});

test("a step is placed right behind the reading before it", () => {
	const clocks = clocksOf({ realtimeNs: START });
	const later = { monotonicNs: 100n, boottimeNs: 100n, realtimeNs: START + HOUR + 100n };
	clocks.follow(readingOf(later));
	const text = (at: bigint): bigint => nsOf(new WallClock(clocks).text(clocks.since(u64(at), 0)));
	expect([text(0n), text(1n)]).toEqual([START, START + HOUR + 1n]);
});

test("a time that the clock showed twice is the last of them, and no later than now", () => {
	const machine = new Machine(10n * HOUR);
	const clocks = new ClockHistory(machine.reading);
	const momentOf = (ns: bigint): number =>
		clocks.momentOf({ seconds: Number(ns / SECOND), ns: Number(ns % SECOND) }) / 1e9;
	machine.run(2n * HOUR);
	clocks.follow(machine.reading);
	machine.realtimeNs -= HOUR;
	clocks.follow(machine.reading);
	machine.run(1800n * SECOND);
	clocks.follow(machine.reading);
	// Since the origin, which the step has moved: two hours after the start.
	expect(momentOf(START + HOUR + 1000n * SECOND)).toBe(1000);
	expect(momentOf(START + HOUR + 2000n * SECOND)).toBe(2000 - 3600);
});

test("a time since the last reading is not one from before the clock was set back", () => {
	const machine = new Machine(10n * HOUR);
	const clocks = new ClockHistory(machine.reading);
	machine.run(2n * HOUR);
	clocks.follow(machine.reading);
	machine.realtimeNs -= HOUR;
	clocks.follow(machine.reading);
	const [seconds, ns] = [Number((machine.realtimeNs + 5_000_000n) / SECOND), 5_000_000];
	expect(clocks.momentOf({ seconds, ns }) - clocks.last).toBe(5_000_000);
	expect(clocks.setNsAt({ seconds, ns })).toBe(-3600e9);
	expect(clocks.setNsAt({ seconds: seconds + 1800, ns })).toBe(0);
});

test("of more steps than there is room for the oldest is forgotten", () => {
	const machine = new Machine(HOUR);
	const clocks = new ClockHistory(machine.reading);
	const first = u64(machine.monotonicNs);
	for (let step = 0; step < 3000; step++) {
		machine.run(SECOND);
		machine.realtimeNs += SECOND;
		clocks.follow(machine.reading);
	}
	const text = (at: DataView): bigint => nsOf(new WallClock(clocks).text(clocks.since(at, 0)));
	expect(text(u64(machine.monotonicNs - 1000n * SECOND))).toBe(machine.realtimeNs - 2000n * SECOND);
	// As far as is known: with the oldest offset that is left.
	expect(text(first)).toBeGreaterThan(START);
});
