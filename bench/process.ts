/** What a process and the machine have used. */

import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

/** Nanoseconds on a CPU, all threads together: clock ticks are too coarse for so little. */
export function cpuNs(pid: number): number {
	const tasks = readdirSync(`/proc/${pid}/task`);
	const times = tasks.map((tid) => readFileSync(`/proc/${pid}/task/${tid}/schedstat`, "utf8"));
	return times.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0);
}

/** Of these, seconds in user space, by clock ticks: add up what takes long. */
export function userSeconds(pid: number): number {
	const text = readFileSync(`/proc/${pid}/stat`, "utf8");
	const utime = text.slice(text.lastIndexOf(")") + 2).split(" ")[11];
	return Number(utime) / TICKS_PER_SECOND;
}

/** Bytes: the most that it had in memory so far. */
export function peakMemory(pid: number): number {
	const found = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
	return Number(found?.[1]) * 1024;
}

/** Seconds that all CPUs together were busy, since boot. */
export function machineBusy(): number {
	const [, ...ticks] = (readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "").split(/ +/);
	const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = ticks.map(Number);
	return (user + nice + system + irq + softirq) / TICKS_PER_SECOND;
}
