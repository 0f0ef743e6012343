/** What /proc says about single processes. */

import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";

/** What /proc says about a process beyond its name. */
export interface ProcessDetails {
	/** The path of the program; null for a kernel thread, and where it may not be looked at. */
	readonly executable: string | null;
	/** The arguments with spaces between; null where there are none. */
	readonly commandLine: string | null;
}

const COMMAND_LINE_BYTES = 4096;

/** All null once the process is gone. */
export function processDetails(pid: number): ProcessDetails {
	const details = detailsAt(`/proc/${pid}`);
	if (details.executable !== null) return details;
	// Its main thread may have ended, and have no memory any more: another one has it still.
	for (const thread of threadsOf(pid)) {
		const known = detailsAt(thread);
		if (known.executable !== null) return known;
	}
	return details;
}

function detailsAt(directory: string): ProcessDetails {
	return {
		executable: orNull(() => readlinkSync(`${directory}/exe`)),
		commandLine: orNull(() =>
			commandLineText(readStart(`${directory}/cmdline`, COMMAND_LINE_BYTES)),
		),
	};
}

/** More threads than can end between two looks. */
const MOST_THREADS = 16;

/** Some directories of its threads but the main one; none of a process that is gone. */
export function threadsOf(pid: number): string[] {
	const ids = orNull(() => readdirSync(`/proc/${pid}/task`)) ?? [];
	const others = ids.filter((id) => id !== String(pid)).slice(-MOST_THREADS);
	return others.map((id) => `/proc/${pid}/task/${id}`);
}

/** When it started, in ticks of CLOCK_BOOTTIME in the first time namespace; null once it is gone. */
export function processStart(pid: number): number | null {
	const ticks = orNull(() => parseStart(readFileSync(`/proc/${pid}/stat`, "latin1")));
	bootOffset ??= bootOffsetTicks(orNull(() => readFileSync("/proc/self/timens_offsets", "utf8")));
	return ticks === null ? null : ticks - bootOffset;
}

/** /proc shows times as the time namespace of its reader has them. */
let bootOffset: number | null = null;
const TICKS_PER_SECOND = 100;
const NS_PER_TICK = 1e7;

/** "boottime  86400  0": seconds and nanoseconds. 0 where the kernel has no time namespaces. */
export function bootOffsetTicks(offsets: string | null): number {
	const [, seconds = "0", ns = "0"] = /^boottime\s+(-?\d+)\s+(\d+)$/m.exec(offsets ?? "") ?? [];
	return Number(seconds) * TICKS_PER_SECOND + Math.floor(Number(ns) / NS_PER_TICK);
}

/** Field 22; the second one, the name in brackets, can have anything in it. */
export function parseStart(stat: string): number | null {
	const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
	return ticks === undefined || ticks === "" ? null : Number(ticks);
}

/** `bytes`: the arguments, each with a zero behind it. */
export function commandLineText(bytes: Uint8Array): string | null {
	const text = new TextDecoder().decode(bytes).replace(/\0+$/, "").replaceAll("\0", " ");
	return text === "" ? null : text;
}

/** Null where it is gone, or may not be looked at. */
export function orNull<T>(look: () => T | null): T | null {
	try {
		return look();
	} catch {
		return null;
	}
}

function readStart(path: string, limit: number): Uint8Array {
	const fd = openSync(path, "r");
	try {
		const bytes = new Uint8Array(limit);
		return bytes.subarray(0, readSync(fd, bytes));
	} finally {
		closeSync(fd);
	}
}
