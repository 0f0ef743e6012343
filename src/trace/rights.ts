/** Which capabilities what we do takes, and which of them are missing. */

import { type Capability, heldCapabilities, inUserNamespace } from "../enrich/capabilities.ts";
import { sysctl, threadStatus } from "../enrich/procfs.ts";
import type { HookKind } from "../flow/doctor.ts";

/** To load a tracing program, and to attach it. */
export const FOR_TRACING: readonly Capability[] = ["CAP_BPF", "CAP_PERFMON"];
/** Programs of a cgroup count as network administration. */
export const FOR_CGROUPS: readonly Capability[] = ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"];
/** BPF_ENABLE_STATS. */
export const FOR_STATISTICS: readonly Capability[] = ["CAP_SYS_ADMIN"];

/** What a hook takes. */
export function rightsFor(kind: HookKind): readonly Capability[] {
	if (kind === "cgroup") return FOR_CGROUPS;
	return kind === "kprobe" && restrictsPerfEvents() ? ["CAP_SYS_ADMIN"] : FOR_TRACING;
}

/** Debian's kernels know more than 2, and ask for CAP_SYS_ADMIN then, for each perf event; it stands for the others. */
function restrictsPerfEvents(): boolean {
	return (sysctl("kernel.perf_event_paranoid") ?? 0) > 2;
}

/** Before there was CAP_BPF (5.8) it took CAP_SYS_ADMIN, which still stands for all three. */
const FROM_SYS_ADMIN: ReadonlySet<Capability> = new Set(FOR_CGROUPS);

export function missingRights(
	needed: readonly Capability[],
	held: ReadonlySet<Capability> = heldCapabilities(),
): Capability[] {
	return needed.filter(
		(name) => !held.has(name) && !(held.has("CAP_SYS_ADMIN") && FROM_SYS_ADMIN.has(name)),
	);
}

/** Of system calls: SECCOMP_MODE_FILTER, on the calling thread. */
export function hasSeccompFilter(): boolean {
	return threadStatus("Seccomp") === "2";
}

/** Capabilities in a user namespace are none towards the kernel. */
export function rightsDoNotCount(): boolean {
	return inUserNamespace() === true;
}
