/** What it means that a probe failed: no, and why; or that it could not be told. */

import { hasKprobeEvents, lockdownMode } from "../enrich/sysfs.ts";
import type { LibbpfError } from "../errors.ts";
import * as errno from "../ffi/errno.ts";
import type { Answer } from "../flow/doctor.ts";
import type { Way } from "./features.ts";
import { hasSeccompFilter, missingRights, rightsDoNotCount, rightsFor } from "./rights.ts";

/** The kernel's own ENOTSUPP, which has no name in user space. */
const ENOTSUPP = 524;

const LIST = new Intl.ListFormat("en-GB");

const no = (reason: string): Answer => ({ available: false, reason });
const unknown = (reason: string): Answer => ({ available: null, reason });

export function answerOf(error: LibbpfError, way: Way): Answer {
	const hook = hookIn(error.message);
	switch (error.errno) {
		case errno.EPERM:
		case errno.EACCES:
			return refused(way, error.errno, hook);
		case errno.ENOENT:
		case errno.ESRCH:
			return absent(error, way, hook);
		case errno.EINVAL:
		case errno.ENODEV:
		case errno.EOPNOTSUPP:
		case ENOTSUPP:
			return unsupported(error, way, hook);
		default:
			return unknown(`${hook ?? way.kind}: ${errno.errnoName(error.errno)}`);
	}
}

/** "prog 'fexit__udp_sendmsg'", in libbpf's words; "attach fexit__udp_sendmsg", in ours. */
function hookIn(message: string): string | null {
	const program = /(?:prog '|attach |run )([a-z0-9_]+?__\w+)/.exec(message)?.[1];
	return program?.replace("__", "/") ?? null;
}

export function refused(way: Way, errnoOf = errno.EPERM, hook: string | null = null): Answer {
	const missing = missingRights(rightsFor(way.kind));
	if (missing.length > 0) return unknown(`needs ${LIST.format(missing)}`);
	if (rightsDoNotCount()) return unknown("capabilities of a user namespace do not count here");
	const mode = lockdownMode();
	if (mode !== null && mode !== "none") return no(`kernel lockdown (${mode}) refuses it`);
	const what = `refuses ${hook ?? way.hooks[0]} (${errno.errnoName(errnoOf)})`;
	if (hasSeccompFilter()) return no(`the kernel, or a seccomp filter, ${what}`);
	return no(`the kernel ${what}, whatever the rights`);
}

function absent(error: LibbpfError, way: Way, hook: string | null): Answer {
	if (way.kind === "kprobe" && !hasKprobeEvents()) return noKprobes();
	if (hook === null || /vmlinux BTF/.test(error.log)) return unknown("needs kernel types (BTF)");
	return no(`this kernel has no ${hook}`);
}

function unsupported(error: LibbpfError, way: Way, hook: string | null): Answer {
	if (way.kind === "kprobe" && !hasKprobeEvents()) return noKprobes();
	const why = errno.errnoName(error.errno);
	if (way.kind === "fentry" && error.errno !== errno.EINVAL)
		return no(`this kernel has no BPF trampolines (${why})`);
	return no(`this kernel does not support ${hook ?? way.hooks.join(", ")} (${why})`);
}

export function noKprobes(): Answer {
	return no("kprobes are not built into this kernel (CONFIG_KPROBE_EVENTS)");
}
