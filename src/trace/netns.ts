/** Visits to other network namespaces, by the calling thread. */

import { closeSync, openSync, statSync } from "node:fs";
import { OWN_NETWORK_NAMESPACE } from "../enrich/procfs.ts";
import { enterNetns } from "../ffi/libc.ts";
import { withRaisedRights } from "./raised-rights.ts";

/**
 * Runs `look` inside the network namespace at `path`, unless it is gone or not to be entered.
 * `look` must be synchronous: the thread is back home when this returns.
 */
export function visitNetns(path: string, look: () => void): void {
	if (netnsInode(path) === netnsInode(OWN_NETWORK_NAMESPACE)) {
		look();
		return;
	}
	withRaisedRights(() => visitOther(path, look));
}

function visitOther(path: string, look: () => void): void {
	const home = openSync(OWN_NETWORK_NAMESPACE, "r");
	try {
		if (!enter(path)) return;
		try {
			look();
		} finally {
			enterNetns(home, OWN_NETWORK_NAMESPACE);
		}
	} finally {
		closeSync(home);
	}
}

function enter(path: string): boolean {
	try {
		const target = openSync(path, "r");
		try {
			enterNetns(target, path);
			return true;
		} finally {
			closeSync(target);
		}
	} catch {
		return false;
	}
}

/** Its number; null where there is none. */
export function netnsInode(path: string): number | null {
	return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}
