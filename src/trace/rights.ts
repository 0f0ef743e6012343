/** Which capabilities what we do takes, and which of them are missing. */

import { type Capability, heldCapabilities, inUserNamespace } from "../enrich/capabilities.ts";

/** To load a tracing program, and to attach it. */
export const FOR_TRACING: readonly Capability[] = ["CAP_BPF", "CAP_PERFMON"];
/** Programs of a cgroup count as network administration. */
export const FOR_CGROUPS: readonly Capability[] = ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"];
/** BPF_ENABLE_STATS. */
export const FOR_STATISTICS: readonly Capability[] = ["CAP_SYS_ADMIN"];

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

/** Capabilities in a user namespace are none towards the kernel. */
export function rightsDoNotCount(): boolean {
	return inUserNamespace() === true;
}
