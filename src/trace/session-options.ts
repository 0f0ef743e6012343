/** What every tracer can be told; apart from the session, which the users of the library never see. */

import type { ContainerOf } from "../flow/records.ts";

/** How the kernel is hooked. `auto` is the best family that this kernel has, for each feature. */
export type HookFamily = "auto" | "tracepoint" | "fentry" | "kprobe";

/** What all tracers can be told. */
export interface SessionOptions {
	/** Connections that can be open at once, 1 to 2^24; more are counted in gaps. Default 65,536. */
	readonly maxConnections: number;
	/** Kernel types, where /sys/kernel/btf/vmlinux will not do. Default null. */
	readonly btfPath: string | null;
	/** A libbpf to use in place of the system's or ours. Default null. */
	readonly libbpfPath: string | null;
	/** Default `auto`. */
	readonly hooks: HookFamily;
	/** Count and time the runs of our programs; costs them some 20 ns each. Default false. */
	readonly bpfStats: boolean;
	/** As the `ready` record says it. Default: that of this package. */
	readonly version: string;
	/** Id of a cgroup → container id, or null. By default the mounted cgroups are looked at. */
	readonly containerOf: ContainerOf;
}
