/** Rights that the calling thread has given up, and those that it can still raise. */

import { setCapabilities } from "../ffi/libc.ts";

interface Rights {
	readonly effective: bigint;
	readonly permitted: bigint;
}

/** Null before anything was given up. */
let left: Rights | null = null;
let isRaised = false;

/** Gives up all but these, for good. */
export function keepOnly(rights: Rights): void {
	setCapabilities(rights.effective, rights.permitted);
	left = rights;
}

/** With all that keepOnly() has left. `act` is synchronous. */
export function withRaisedRights<T>(act: () => T): T {
	if (isRaised || left === null || left.effective === left.permitted) return act();
	setCapabilities(left.permitted, left.permitted);
	isRaised = true;
	try {
		return act();
	} finally {
		isRaised = false;
		setCapabilities(left.effective, left.permitted);
	}
}
