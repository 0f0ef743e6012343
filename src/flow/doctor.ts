/** What `conntracer doctor` finds out about a machine. */

import type { ProbeStats } from "./probe-stats.ts";

export type HookKind =
	| "fentry"
	| "kprobe"
	| "tracepoint"
	| "cgroup"
	| "iterator"
	| "syscall"
	| "ctnetlink"
	| "packet_socket";

export type FeatureName =
	| "tcp_lifecycle"
	| "accept"
	| "existing_sockets"
	| "map_walks"
	| "udp"
	| "udp_peers"
	| "retransmissions"
	| "resets"
	| "nat"
	| "accounting"
	| "dns";

/** Found by trying. */
export interface Answer {
	/** Null: it could not be told, for want of rights as a rule. */
	readonly available: boolean | null;
	/** Null where it is available. */
	readonly reason: string | null;
}

export interface WayReport extends Answer {
	readonly hook: HookKind;
}

export interface FeatureReport {
	readonly feature: FeatureName;
	/** The one that a run takes; null: this cannot be traced here. */
	readonly hook: HookKind | null;
	/** What is known less exactly than by the best way. */
	readonly less_exact: string | null;
	/** What to do where there is no hook. */
	readonly remedy: string | null;
	/** From the best to the last. */
	readonly ways: readonly WayReport[];
}

export interface TableReport {
	readonly table: string;
	/** What changes its size. */
	readonly option: string;
	readonly entries: number;
	/** Kernel memory, taken from the start. */
	readonly memory_bytes: number | null;
}

/** What `doctor --stats` saw for a moment, of the programs of both kinds of runs. */
export interface DoctorStats {
	readonly duration_ms: number;
	readonly watch: ProbeStats;
	readonly events: ProbeStats;
}

export type CommandName = "watch" | "top" | "events" | "list" | "accounting" | "dns" | "serve";

/** What keeps a command from running, as it would say it. */
export interface CommandError {
	readonly code: string;
	readonly message: string;
	readonly hint: string | null;
}

export interface CommandVerdict {
	readonly command: CommandName;
	/** Null: it could not be told. */
	readonly can_run: boolean | null;
	/** Why not, and what to do. */
	readonly error: CommandError | null;
	/** What it does not have here, and why. */
	readonly does_without: readonly string[];
}

export interface DoctorRecord {
	readonly type: "doctor";
	readonly time: string;
	readonly version: string;
	readonly kernel: string;
	/** As uname -m has it. */
	readonly architecture: string;
	/** Of `watch`, as in `commands`. */
	readonly can_watch: boolean;
	readonly error: CommandError | null;
	readonly commands: readonly CommandVerdict[];
	/** Where kernel types (BTF) come from; null: there are none. */
	readonly btf: string | null;
	/** none, integrity or confidentiality; null where the kernel does not say. */
	readonly lockdown: string | null;
	readonly uid: number;
	/** Of a user namespace other than the first; the kernel's hooks take no heed of these. */
	readonly in_user_namespace: boolean | null;
	/** What is not known of processes, and what to do; null where nothing is missing. */
	readonly missing_processes: string | null;
	/** Effective ones, of those that matter. */
	readonly capabilities: Readonly<Record<string, boolean>>;
	/** Null where there is none, or it may not be read. */
	readonly sysctls: Readonly<Record<string, number | null>>;
	/** For example "1.1 (system)" or "1.1 (bundled)"; null: none can be loaded. */
	readonly libbpf: string | null;
	/** Where cgroup v2 is mounted. */
	readonly cgroup2: string | null;
	readonly features: readonly FeatureReport[];
	/** With the sizes of `watch` where nothing else is said. Empty where it cannot run. */
	readonly tables: readonly TableReport[];
	/** Null where the module is not loaded. */
	readonly conntrack: {
		readonly nf_conntrack_acct: number | null;
		readonly nf_conntrack_timestamp: number | null;
	};
	/** Where it was asked for; null where it cannot run. */
	readonly stats?: DoctorStats | null;
}
