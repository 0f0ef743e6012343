/** What the kernel says no to, and why. */

import type { Capability } from "../enrich/capabilities.ts";
import { hasKernelTypes, KERNEL_TYPES, lockdownMode } from "../enrich/sysfs.ts";
import { LibbpfError, PermissionError, UnsupportedError, UsageError } from "../errors.ts";
import { EINVAL, EPERM, ESRCH } from "../ffi/errno.ts";
import type { OpenOptions } from "../ffi/object.ts";
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
		"name a file that has them with --btf, https://github.com/aquasecurity/btfhub-archive for example; " +
			"or use a kernel built with CONFIG_DEBUG_INFO_BTF=y",
	);
}

/** @param btfPath of --btf */
export function openOptions(name: string, btfPath: string | null): OpenOptions {
	return { name, btfPath, targetsPath: hasKernelTypes() ? null : btfPath };
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
		if (error instanceof LibbpfError && lockdownMode() === "confidentiality")
			throw lockedDown(what, error);
		if (error instanceof LibbpfError && btfPath !== null) throw besidesTypes(error, btfPath);
		throw error;
	}
}

/** What the verifier says then has nothing to do with it: a helper that it does not know. */
function lockedDown(what: string, cause: LibbpfError): UnsupportedError {
	return new UnsupportedError(
		what,
		null,
		"kernel lockdown (confidentiality) keeps BPF programs from reading kernel memory",
		"boot with lockdown=integrity, or without",
		{ cause },
	);
}

/**
 * The error itself where the file of --btf is not to blame. libbpf has numbers of its own, from 4000,
 * for files that are not what they should be.
 */
export function besidesTypes(error: LibbpfError, btfPath: string): Error {
	const FIRST_OF_LIBBPF = 4000;
	if (error.errno >= FIRST_OF_LIBBPF || error.log.includes("BTF"))
		return new UsageError(
			`--btf ${JSON.stringify(btfPath)}: ${error.log}`,
			"name a file with the types of this kernel, or leave it out",
			{ cause: error },
		);
	if (hasKernelTypes() || ![EINVAL, ESRCH].includes(error.errno)) return error;
	return new UnsupportedError(
		"kernel types (BTF)",
		"5.4",
		`the kernel has none of its own, or ${JSON.stringify(btfPath)} is of another build`,
		"use a kernel built with CONFIG_DEBUG_INFO_BTF=y",
		{ cause: error },
	);
}
