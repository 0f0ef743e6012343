/** What the kernel says no to, and why. */

import { existsSync } from "node:fs";
import { LibbpfError, PermissionError, UnsupportedError, UsageError } from "../errors.ts";
import { EPERM } from "../ffi/errno.ts";

const KERNEL_TYPES = "/sys/kernel/btf/vmlinux";

/** @throws UnsupportedError */
export function requireKernelTypes(): void {
	if (existsSync(KERNEL_TYPES)) return;
	throw new UnsupportedError(
		"kernel types (BTF)",
		"5.4",
		`${KERNEL_TYPES} is not there`,
		"use a kernel built with CONFIG_DEBUG_INFO_BTF=y",
	);
}

/** The kernel refuses BPF without the rights to it, and says no more than EPERM. */
export function explainRefusal<T>(what: string, btfPath: string | null, attempt: () => T): T {
	try {
		return attempt();
	} catch (error) {
		if (error instanceof LibbpfError && error.errno === EPERM)
			throw new PermissionError(what, ["CAP_BPF", "CAP_PERFMON"], { cause: error });
		if (error instanceof LibbpfError && btfPath !== null && error.log.includes("BTF"))
			throw new UsageError(
				`--btf ${btfPath}: ${error.log}`,
				"name a file with the types of this kernel, or leave it out",
				{ cause: error },
			);
		throw error;
	}
}
