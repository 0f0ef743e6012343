/** What the kernel tells of a program, a map or a link (BPF_OBJ_GET_INFO_BY_FD). */

import { ptr } from "bun:ffi";
import { checkInt } from "./check.ts";
import { EINVAL } from "./errno.ts";
import type { Libbpf } from "./library.ts";

/** What the kernel has filled in: an older one knows less. */
export interface ObjectInfo {
	readonly view: DataView;
	readonly length: number;
}

/**
 * Null where the file descriptor is of none of these.
 *
 * @param bytes more than a kernel knows are left zero
 * @throws LibbpfError
 */
export function objectInfo(
	library: Libbpf,
	fd: number,
	bytes: number,
	operation: string,
): ObjectInfo | null {
	const view = new DataView(new ArrayBuffer(bytes));
	const length = new Uint32Array([bytes]);
	const result = library.symbols.bpf_obj_get_info_by_fd(fd, ptr(view), length);
	if (result === -EINVAL) return null;
	checkInt(library, operation, result);
	return { view, length: length[0] ?? 0 };
}
