/** Paths and formats of /proc but for those of single processes. Parsers take text, as tests feed it. */

import {
	closeSync,
	openSync,
	readdirSync,
	readFileSync,
	readSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { DecodeError } from "../errors.ts";
import type { TcpCounts } from "../flow/records.ts";
import { orNull, threadsOf } from "./proc-pid.ts";

/** One line of /proc/PID/mountinfo, the octal escapes undone. */
export interface Mount {
	/** The part of the file system that is mounted; "net:[4026531840]" for a network namespace. */
	readonly root: string;
	readonly mountPoint: string;
	readonly type: string;
	/** Those of the file system: of cgroup v1 its controllers. */
	readonly options: readonly string[];
}

/** For example "6.1.0-18-amd64". */
export function kernelRelease(): string {
	return readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
}

/** A sysctl by its name, "net.core.bpf_jit_enable"; null where there is none, or it may not be read. */
export function sysctl(name: string): number | null {
	const text = orNull(() => readFileSync(`/proc/sys/${name.replaceAll(".", "/")}`, "utf8"));
	return text !== null && /^-?\d+\s*$/.test(text) ? Number(text) : null;
}

/** @throws Error with a code: EACCES, EINVAL, … */
export function setSysctl(name: string, value: number): void {
	writeFileSync(`/proc/sys/${name.replaceAll(".", "/")}`, String(value));
}

/** A sysctl that is read often: of the network namespace in which it was opened. */
export class SysctlFile implements Disposable {
	readonly #fd: number;
	readonly #bytes = new Uint8Array(32);

	private constructor(fd: number) {
		this.#fd = fd;
	}

	/** Null where there is none, or it may not be read. */
	static open(name: string): SysctlFile | null {
		const fd = orNull(() => openSync(`/proc/sys/${name.replaceAll(".", "/")}`, "r"));
		return fd === null ? null : new SysctlFile(fd);
	}

	/** A number that is not negative. */
	read(): number {
		const length = readSync(this.#fd, this.#bytes, 0, this.#bytes.length, 0);
		let value = 0;
		for (let at = 0; at < length; at++) {
			const digit = (this.#bytes[at] ?? 0) - 48;
			if (digit >= 0 && digit <= 9) value = value * 10 + digit;
		}
		return value;
	}

	[Symbol.dispose](): void {
		closeSync(this.#fd);
	}
}

/** A field of /proc/PID/status, of the calling thread: "CapEff". */
export function threadStatus(field: string): string | null {
	return statusField(readFileSync("/proc/thread-self/status", "utf8"), field);
}

/** The most that this process had in memory. Unlike getrusage() not what its parent had before the exec. */
export function peakMemoryBytes(): number {
	const kib = /^(\d+) kB$/.exec(threadStatus("VmHWM") ?? "")?.[1];
	return kib === undefined ? process.resourceUsage().maxRSS * 1024 : Number(kib) * 1024;
}

/** A field of /proc/PID/status, of this process; null where /proc does not have it. */
export function ownStatus(field: string): string | null {
	return orNull(() => statusField(readFileSync("/proc/self/status", "utf8"), field));
}

function statusField(text: string, field: string): string | null {
	return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(text)?.[1] ?? null;
}

/** The threads of this process but the main one, with the mask of their permitted capabilities. */
export function otherThreads(): { readonly id: number; readonly capPrm: string }[] {
	const ids = readdirSync("/proc/self/task").map(Number);
	return ids.flatMap((id) => {
		if (id === process.pid) return [];
		const text = orNull(() => readFileSync(`/proc/self/task/${id}/status`, "utf8"));
		// Null: it has ended meanwhile.
		return text === null ? [] : [{ id, capPrm: statusField(text, "CapPrm") ?? "0" }];
	});
}

/** Null where the kernel has none. */
export const userNamespaceInode = (): number | null => inodeOf("/proc/self/ns/user");
export const pidNamespaceInode = (): number | null => inodeOf("/proc/self/ns/pid");

/** Kernel memory of the BPF map that is open as `fd`; null where the kernel does not say. */
export function mapMemoryBytes(fd: number): number | null {
	const text = orNull(() => readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")) ?? "";
	const bytes = /^memlock:\s*(\d+)$/m.exec(text)?.[1];
	return bytes === undefined ? null : Number(bytes);
}

/** The mounts that this process sees. */
export function mounts(): Mount[] {
	return parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
}

export function parseMountinfo(text: string): Mount[] {
	return text.split("\n").flatMap((line) => {
		// A varying number of optional fields ends with " - ": type, source and options follow.
		const [before, after] = line.split(" - ", 2);
		const [, , , root, mountPoint] = before?.split(" ") ?? [];
		const [type, , options = ""] = after?.split(" ") ?? [];
		if (root === undefined || mountPoint === undefined || type === undefined) return [];
		const places = { root: unescapeOctal(root), mountPoint: unescapeOctal(mountPoint) };
		return [{ ...places, type, options: options.split(",") }];
	});
}

/** Each escape is one byte of UTF-8; the kernel escapes only space, tab, newline and backslash. */
function unescapeOctal(text: string): string {
	return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
		String.fromCharCode(Number.parseInt(digits, 8)),
	);
}

/**
 * Inode number → a path to open for setns: of the oldest process found in the namespace, else of a
 * mount such as /run/netns/NAME. A namespace that only a thread or an open file holds is not found,
 * nor one that this user may not look at.
 */
export function networkNamespaces(): Map<number, string> {
	const found = new Map<number, string>();
	const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
	const add = (path: string): boolean => {
		const inode = inodeOf(path);
		if (inode !== null && !found.has(inode)) found.set(inode, path);
		return inode !== null;
	};
	// A main thread that has ended is in none.
	for (const pid of pids.sort((a, b) => a - b))
		if (!add(`/proc/${pid}/ns/net`)) threadsOf(pid).some((thread) => add(`${thread}/ns/net`));
	for (const path of networkNamespaceMounts(mounts())) add(path);
	return found;
}

/** The one that a process, or a thread, is in; null where it is gone, or may not be looked at. */
export function networkNamespaceOf(pid: number): { inode: number; path: string } | null {
	const path = `/proc/${pid}/ns/net`;
	const inode = inodeOf(path);
	return inode === null ? null : { inode, path };
}

/** The id that was given to the last process or thread, of this pid namespace; null where /proc does not say. */
export function lastProcessId(): number | null {
	const text = orNull(() => readFileSync("/proc/loadavg", "utf8"));
	const id = /(\d+)\s*$/.exec(text ?? "")?.[1];
	return id === undefined ? null : Number(id);
}

/** How many files this process may have open; null where /proc does not say. */
export function openFilesLimit(): number | null {
	const text = orNull(() => readFileSync("/proc/self/limits", "utf8")) ?? "";
	const limit = /^Max open files\s+(\d+)/m.exec(text)?.[1];
	return limit === undefined ? null : Number(limit);
}

/** Where network namespaces are bound to a name, as `ip netns` does. */
export function networkNamespaceMounts(mounted: readonly Mount[]): string[] {
	return mounted
		.filter(({ type, root }) => type === "nsfs" && root.startsWith("net:["))
		.map(({ mountPoint }) => mountPoint);
}

/** Null where it is gone, or may not be looked at. */
function inodeOf(path: string): number | null {
	try {
		return statSync(path).ino;
	} catch {
		return null;
	}
}

/** The kernel's own counters, of the network namespace of the calling thread. */
export function tcpCounts(path = "/proc/thread-self/net/snmp"): TcpCounts {
	return parseTcpCounts(readFileSync(path, "utf8"));
}

/**
 * The Tcp lines of /proc/net/snmp: one of names, one of values.
 *
 * @throws DecodeError
 */
export function parseTcpCounts(text: string): TcpCounts {
	const [names, values] = text
		.split("\n")
		.filter((line) => line.startsWith("Tcp: "))
		.map((line) => line.trim().split(/\s+/));
	const count = (name: string): number => {
		const value = values?.[names?.indexOf(name) ?? -1];
		if (value === undefined || !/^\d+$/.test(value)) {
			throw new DecodeError(`/proc/net/snmp: no count of ${name} in the Tcp lines`);
		}
		return Number(value);
	};
	return {
		active_opens: count("ActiveOpens"),
		passive_opens: count("PassiveOpens"),
		attempt_fails: count("AttemptFails"),
		estab_resets: count("EstabResets"),
	};
}

/** In the network namespace of the calling thread; true where it is not known. */
export function hasUdpSockets(folder = "/proc/thread-self/net"): boolean {
	const read = (name: string): string | null =>
		orNull(() => readFileSync(`${folder}/${name}`, "utf8"));
	// Without IPv6 there is no second one.
	const ipv4 = read("sockstat");
	return ipv4 === null || countsUdp(ipv4) || countsUdp(read("sockstat6") ?? "");
}

/** "UDP: inuse 3 mem 1" in /proc/net/sockstat, "UDP6: inuse 3" in sockstat6. */
function countsUdp(sockstat: string): boolean {
	return /^UDP6?: inuse [1-9]/m.test(sockstat);
}

/** The network namespace of the calling thread, to come back to. */
export const OWN_NETWORK_NAMESPACE = "/proc/thread-self/ns/net";
