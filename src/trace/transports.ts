/** Which transports are traced: those that were asked for, or those that this kernel lets us trace. */

import { type ConntracerError, LibbpfError, PermissionError, UnsupportedError } from "../errors.ts";
import type { Transport } from "../flow/records.ts";

export interface Opened<T> {
	readonly opened: T;
	/** Why there is no UDP, where it was not insisted on; else null. */
	readonly missingUdp: string | null;
}

/**
 * @param wanted null: TCP, and UDP where this kernel has what it takes
 * @throws UnsupportedError where UDP alone is wanted, and this kernel has not; what `open` throws
 */
export function openTransports<T>(
	wanted: Transport | null,
	open: (transports: readonly Transport[]) => T,
): Opened<T> {
	if (wanted === "tcp") return { opened: open(["tcp"]), missingUdp: null };
	try {
		const opened = open(wanted === null ? ["tcp", "udp"] : ["udp"]);
		return { opened, missingUdp: null };
	} catch (error) {
		const reason = missing(error);
		if (reason === null) throw error;
		if (wanted === "udp") throw reason;
		// Where it was not for UDP this one fails, too.
		return { opened: open(["tcp"]), missingUdp: reason.message };
	}
}

/** Null for what has nothing to do with what the kernel can do, or may. */
function missing(error: unknown): ConntracerError | null {
	if (error instanceof UnsupportedError) return error;
	// TCP does without what is missing.
	if (error instanceof PermissionError && `${error.capabilities}` === "CAP_NET_ADMIN") return error;
	if (!(error instanceof LibbpfError)) return null;
	return new UnsupportedError(
		"UDP",
		"6.3",
		`this kernel lacks a hook (${error.message})`,
		"say --transport tcp",
	);
}
