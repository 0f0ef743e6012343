/** What the kernel says no to, and why. */

import type { Capability } from "../enrich/capabilities.ts";
import { hasKernelTypes, KERNEL_TYPES } from "../enrich/sysfs.ts";
import { LibbpfError, PermissionError, UnsupportedError, UsageError } from "../errors.ts";
import { EPERM } from "../ffi/errno.ts";
import { missingRights } from "./rights.ts";

/**
 * @param btfPath of --btf
 * @throws UnsupportedError
 */
export function requireKernelTypes(btfPath: string | null): void {
	if (btfPath !== null || hasKernelTypes()) return;
	throw new UnsupportedError(
		"kernel types (BTF)",
		"5.4",
		`${KERNEL_TYPES} is not there`,
		"name a file with this kernel's types with --btf (https://github.com/aquasecurity/btfhub-archive has many), or use a kernel built with CONFIG_DEBUG_INFO_BTF=y",
	);
}

export interface Attempted {
	readonly what: string;
	readonly needed: readonly Capability[];
	/** Of --btf. */
	readonly btfPath: string | null;
}

/** The kernel refuses BPF without the rights to it, and says no more than EPERM. */
export function explainRefusal<T>({ what, needed, btfPath }: Attempted, attempt: () => T): T {
	try {
		return attempt();
	} catch (error) {
		if (error instanceof LibbpfError && error.errno === EPERM)
			throw new PermissionError(what, missingRights(needed), { cause: error });
		if (error instanceof LibbpfError && btfPath !== null && error.log.includes("BTF"))
			throw new UsageError(
				`--btf ${btfPath}: ${error.log}`,
				"name a file with the types of this kernel, or leave it out",
				{ cause: error },
			);
		throw error;
	}
}
