/** Visits to other network namespaces, by the calling thread. */

import { closeSync, openSync, statSync } from "node:fs";
import { OWN_NETWORK_NAMESPACE } from "../enrich/procfs.ts";
import { LibbpfError } from "../errors.ts";
import { EACCES, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM } from "../ffi/errno.ts";
import { enterNetns } from "../ffi/libc.ts";
import { withRaisedRights } from "./raised-rights.ts";

/** Why a network namespace could not be entered, or not be used: an errno that has a remedy. */
export type Refusal = number;

const REMEDIES: ReadonlyMap<Refusal, string> = new Map([
	[EMFILE, "raise the limit of open files (ulimit -n, LimitNOFILE= of a unit)"],
	[ENFILE, "raise sysctl fs.file-max"],
	[ENOMEM, "give it more memory"],
	[ENOBUFS, "give it more memory"],
	[EPERM, "give CAP_SYS_ADMIN"],
	[EACCES, "give CAP_SYS_PTRACE"],
]);

export const remedyFor = (refusal: Refusal): string | null => REMEDIES.get(refusal) ?? null;

/**
 * Runs `look` inside the network namespace at `path`, unless it is gone.
 * `look` must be synchronous: the thread is back home when this returns.
 *
 * @returns why it was not entered, where files, memory or rights were missing; else null
 */
export function visitNetns(path: string, look: () => void): Refusal | null {
	if (netnsInode(path) !== netnsInode(OWN_NETWORK_NAMESPACE))
		return withRaisedRights(() => visitOther(path, look));
	look();
	return null;
}

function visitOther(path: string, look: () => void): Refusal | null {
	const home = opened(OWN_NETWORK_NAMESPACE);
	if (typeof home !== "number") return home.refusal;
	try {
		const entered = enter(path);
		if (entered !== true) return entered.refusal;
		try {
			look();
		} finally {
			enterNetns(home, OWN_NETWORK_NAMESPACE);
		}
		return null;
	} finally {
		closeSync(home);
	}
}

/** Null where it is gone. */
interface Failed {
	readonly refusal: Refusal | null;
}

function opened(path: string): number | Failed {
	try {
		return openSync(path, "r");
	} catch (error) {
		return { refusal: refusalOf(error) };
	}
}

function enter(path: string): true | Failed {
	const target = opened(path);
	if (typeof target !== "number") return target;
	try {
		enterNetns(target, path);
		return true;
	} catch (error) {
		return { refusal: refusalOf(error) };
	} finally {
		closeSync(target);
	}
}

/** Null where the error is no refusal. */
export function refusalOf(error: unknown): Refusal | null {
	const errno = errnoOf(error);
	return REMEDIES.has(errno) ? errno : null;
}

/** 0 where it has none. */
function errnoOf(error: unknown): number {
	if (error instanceof LibbpfError) return error.errno;
	if (!(error instanceof Error) || !("errno" in error)) return 0;
	// Of node:fs, where it is negative.
	return typeof error.errno === "number" ? Math.abs(error.errno) : 0;
}

/** Its number; null where there is none. */
export function netnsInode(path: string): number | null {
	return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}
