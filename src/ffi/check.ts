/** The two places where results of libbpf calls are checked, and the checks before a call. */

import type { Pointer } from "bun:ffi";
import { LibbpfError, type ProgramName } from "../errors.ts";
import { errnoName } from "./errno.ts";
import type { Libbpf } from "./library.ts";

/** For calls that return an int: 0 or more, or -errno. `program`: which one it is about, if any. */
export const checkInt = (
	library: Libbpf,
	operation: string,
	result: number,
	program: ProgramName | null = null,
): number => {
	if (result >= 0) return result;
	throw new LibbpfError(operation, -result, errnoName(-result), library.log.take(), program);
};

/** For calls that return a pointer; as checkInt(). Nothing else may be called in between. */
export const checkPointer = (
	library: Libbpf,
	operation: string,
	result: Pointer | bigint | null,
	program: ProgramName | null = null,
): Pointer => {
	// A bigint would be an address beyond 2^53, where no user space is.
	if (typeof result === "number") return result;
	const errno = -Number(library.symbols.libbpf_get_error(null));
	throw new LibbpfError(operation, errno, errnoName(errno), library.log.take(), program);
};

/** bun:ffi wraps integers that do not fit: 2^32 would become 0. */
export const checkU32 = (what: string, value: number): number => {
	if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
	throw new RangeError(`${what}: ${value} does not fit in 32 bits`);
};

/** A buffer that C is going to read or write must be exactly as long as C believes. */
export const checkLength = (what: string, buffer: Uint8Array, length: number): Uint8Array => {
	if (buffer.length === length) return buffer;
	throw new RangeError(`${what}: ${buffer.length} bytes where C expects ${length}`);
};
