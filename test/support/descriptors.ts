/** What a process holds. */

import { readdirSync, readlinkSync } from "node:fs";

export const openDescriptors = (): number => readdirSync("/proc/self/fd").length;

/** The one that the directory was read with is gone by then. */
function linkAt(path: string): string[] {
	try {
		return [readlinkSync(path)];
	} catch {
		return [];
	}
}

/** Those of programs, maps, links and iterators. */
export function bpfDescriptors(): string[] {
	return readdirSync("/proc/self/fd")
		.map((fd) => `/proc/self/fd/${fd}`)
		.flatMap((path) => linkAt(path))
		.filter((target) => /^anon_inode:\[?(bpf|btf)/.test(target));
}
