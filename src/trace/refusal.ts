/** What the kernel says no to, and why. */

import { type Capability, heldCapabilities } from "../enrich/capabilities.ts";
import { kernelRelease } from "../enrich/procfs.ts";
import { hasKernelTypes, KERNEL_TYPES, lockdownMode, securityModules } from "../enrich/sysfs.ts";
import { LibbpfError, PermissionError, UnsupportedError, UsageError } from "../errors.ts";
import { EINVAL, EPERM, ESRCH } from "../ffi/errno.ts";
import type { OpenOptions } from "../ffi/object.ts";
import { hasSeccompFilter, missingRights, rightsDoNotCount } from "./rights.ts";

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

/** The kernel refuses BPF without the rights to it, and for other reasons, and says no more than EPERM. */
export function explainRefusal<T>({ what, needed, btfPath }: Attempted, attempt: () => T): T {
	try {
		return attempt();
	} catch (error) {
		if (error instanceof LibbpfError && error.errno === EPERM)
			throw notPermitted(what, needed, error);
		if (error instanceof LibbpfError && lockdownMode() === "confidentiality")
			throw lockedDown(what, error);
		if (error instanceof LibbpfError && btfPath !== null) throw besidesTypes(error, btfPath);
		throw error;
	}
}

function notPermitted(
	what: string,
	needed: readonly Capability[],
	cause: LibbpfError,
): PermissionError {
	const missing = missingRights(needed);
	if (missing.length > 0) return new PermissionError(what, missing, { cause });
	const refused = nameRefused(cause);
	const message = `${what}: the kernel refuses ${refused}, although no capability is missing`;
	return new PermissionError(what, [], { cause, refusal: { message, hint: causesHere() } });
}

/** "iter/bpf_map_elem (program walk__fold_conns: EPERM)"; of what is no program, the operation. */
export function nameRefused({ operation, errnoName, log, program }: LibbpfError): string {
	if (program !== null) return `${program.hook} (program ${program.name}: ${errnoName})`;
	// In libbpf's words, before it loads any of ours.
	if (log.includes("probe_loading")) return `every BPF program (bpf(2): ${errnoName})`;
	return `it (${operation}: ${errnoName})`;
}

/** Which of the things that refuse what root may do are on this machine; the most likely comes first. */
function causesHere(): string {
	const [causes, mode] = [[] as string[], lockdownMode()];
	if (rightsDoNotCount())
		causes.push("capabilities of a user namespace do not count: run it outside");
	if (hasSeccompFilter())
		causes.push("a seccomp filter is on this process, as in containers: have it allow bpf(2)");
	if (countsLockedMemory())
		causes.push(
			"BPF memory counts as locked memory here: raise ulimit -l, or add CAP_SYS_RESOURCE",
		);
	if (mode !== null && mode !== "none") causes.push(`kernel lockdown is on (${mode})`);
	const modules = securityModules().filter((name) => MAY_REFUSE_BPF.has(name));
	if (modules.length > 0)
		causes.push(`a security module may refuse it (${modules.join(", ")}): see its audit log`);
	const others = causes.join("; or ");
	return others === ""
		? "this build of the kernel refuses it to everyone: see conntracer doctor"
		: others;
}

/** They have a hook for bpf(2) (security_bpf, security_bpf_prog_load). */
const MAY_REFUSE_BPF: ReadonlySet<string> = new Set(["selinux", "bpf"]);

/** Until 5.11 (bcb9a5b5f6e4), and of who has no CAP_SYS_RESOURCE. */
function countsLockedMemory(): boolean {
	const [major = 0, minor = 0] = kernelRelease().split(/[.-]/).map(Number);
	const isOld = major < 5 || (major === 5 && minor < 11);
	return isOld && !heldCapabilities().has("CAP_SYS_RESOURCE");
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
