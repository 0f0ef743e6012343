/** What this process may do, in the names of capabilities(7). */

import { threadStatus, userNamespaceInode } from "./procfs.ts";

/** include/uapi/linux/capability.h; those that conntracer has a use for. */
export const CAPABILITIES = {
	CAP_BPF: 39,
	CAP_PERFMON: 38,
	CAP_NET_ADMIN: 12,
	CAP_NET_RAW: 13,
	CAP_SYS_PTRACE: 19,
	CAP_SYS_ADMIN: 21,
	CAP_SYS_RESOURCE: 24,
} as const;

export type Capability = keyof typeof CAPABILITIES;

export const CAPABILITY_NAMES = Object.keys(CAPABILITIES) as readonly Capability[];

/** PROC_USER_INIT_INO */
const FIRST_USER_NAMESPACE = 0xeffffffd;

/** Null where /proc does not tell. */
export function inUserNamespace(): boolean | null {
	const inode = userNamespaceInode();
	return inode === null ? null : inode !== FIRST_USER_NAMESPACE;
}

/** The effective ones of the calling thread. */
export function heldCapabilities(): ReadonlySet<Capability> {
	return capabilitiesIn(threadStatus("CapEff") ?? "0");
}

/** `mask`: hexadecimal, as in /proc/PID/status. */
export function capabilitiesIn(mask: string): ReadonlySet<Capability> {
	const bits = BigInt(`0x${mask}`);
	return new Set(CAPABILITY_NAMES.filter((name) => (bits >> BigInt(CAPABILITIES[name])) & 1n));
}
