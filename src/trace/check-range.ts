/** What a script may give for a number; the command line has checked its own. */

import { pageSize } from "../ffi/libc.ts";
import { LEAST_BUFFER_BYTES } from "../flow/defaults.ts";

interface Range {
	readonly least: number;
	readonly most: number;
}

/** Of the tables of the kernel side. */
export const ENTRIES: Range = { least: 1, most: 2 ** 24 };
/** setTimeout() takes no more. */
export const MILLISECONDS: Range = { least: 1, most: 2 ** 31 - 1 };

/** @throws RangeError */
export function checkRange(name: string, value: number, { least, most }: Range): void {
	if (value >= least && value <= most) return;
	throw new RangeError(`${name}: ${value} is not in the range from ${least} to ${most}`);
}

/** A ring buffer has whole pages of this machine: of 4 KiB, on arm64 also of 16 or 64 KiB. */
export const leastBufferBytes = (page = pageSize()): number => Math.max(page, LEAST_BUFFER_BYTES);

/** Of the ring buffer. @throws RangeError */
export function checkBufferBytes(bytes: number, least = leastBufferBytes()): void {
	if (bytes >= least && Number.isInteger(Math.log2(bytes))) return;
	throw new RangeError(`bufferBytes: ${bytes} is not a power of two from ${least} on`);
}
