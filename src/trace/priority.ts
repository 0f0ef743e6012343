/** The calling thread before others: on a busy machine the ring buffer is read in time then. */

import { ConntracerError } from "../errors.ts";
import { setNiceness } from "../ffi/libc.ts";

/** As low as it takes: six loads and four busy loops on two CPUs lost nothing from there on. */
const NICENESS = -10;

/**
 * Of the program, not of those who use it as a library. Before rights are given up: it takes
 * CAP_SYS_NICE.
 *
 * @returns why it was refused; null where it was not
 */
export function raisePriority(): string | null {
	try {
		setNiceness(NICENESS);
		return null;
	} catch (error) {
		if (error instanceof ConntracerError) return error.message;
		throw error;
	}
}
