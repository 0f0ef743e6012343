/** What /sys says about the kernel. */

import { existsSync, readFileSync } from "node:fs";

/** Where the kernel offers its own types (BTF). */
export const KERNEL_TYPES = "/sys/kernel/btf/vmlinux";

export const hasKernelTypes = (): boolean => existsSync(KERNEL_TYPES);

/** none, integrity or confidentiality; null where the kernel has no lockdown, or securityfs is not mounted. */
export function lockdownMode(): string | null {
	try {
		return chosenOf(readFileSync("/sys/kernel/security/lockdown", "utf8"));
	} catch {
		return null;
	}
}

/** "none [integrity] confidentiality" → "integrity" */
export function chosenOf(text: string): string | null {
	return /\[(\w+)\]/.exec(text)?.[1] ?? null;
}

/** Since 4.17 (e12f03d7031a) these are made through a device of perf: without it there are none. */
export const hasKprobeEvents = (): boolean =>
	existsSync("/sys/bus/event_source/devices/kprobe/type");
