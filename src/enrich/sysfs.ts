/** What /sys says about the kernel. */

import { closeSync, existsSync, openSync, readFileSync, readSync } from "node:fs";

/** Where the kernel offers its own types (BTF). */
export const KERNEL_TYPES = "/sys/kernel/btf/vmlinux";

export const hasKernelTypes = (): boolean => existsSync(KERNEL_TYPES);

/** struct btf_header of include/uapi/linux/btf.h */
const BTF_HEADER = { size: 24, magic: 0xeb9f, length: 4, stringsOffset: 16, stringsSize: 20 };

/** Whether a file of types names something so. Its names alone are read: some 2 MB. */
export function isNamedIn(path: string, name: string): boolean {
	const file = openSync(path, "r");
	try {
		const header = Buffer.alloc(BTF_HEADER.size);
		readSync(file, header, 0, header.length, 0);
		if (header.readUInt16LE(0) !== BTF_HEADER.magic) return false;
		const from =
			header.readUInt32LE(BTF_HEADER.length) + header.readUInt32LE(BTF_HEADER.stringsOffset);
		const names = Buffer.alloc(header.readUInt32LE(BTF_HEADER.stringsSize));
		// /sys gives no more than a page at a time.
		for (let done = 0, count = 1; count > 0; done += count)
			count = readSync(file, names, done, names.length - done, from + done);
		return names.includes(`\0${name}\0`);
	} finally {
		closeSync(file);
	}
}

/** none, integrity or confidentiality; null where the kernel has no lockdown, or securityfs is not mounted. */
export function lockdownMode(): string | null {
	try {
		return chosenOf(readFileSync("/sys/kernel/security/lockdown", "utf8"));
	} catch {
		return null;
	}
}

/** Those that are active; none where securityfs is not mounted. */
export function securityModules(): string[] {
	try {
		return readFileSync("/sys/kernel/security/lsm", "utf8").trim().split(",");
	} catch {
		return [];
	}
}

/** "none [integrity] confidentiality" → "integrity" */
export function chosenOf(text: string): string | null {
	return /\[(\w+)\]/.exec(text)?.[1] ?? null;
}

/** Since 4.17 (e12f03d7031a) these are made through a device of perf: without it there are none. */
export const hasKprobeEvents = (): boolean =>
	existsSync("/sys/bus/event_source/devices/kprobe/type");
