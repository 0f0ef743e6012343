/** What this machine can trace, by which hook, and what is missing. */

import { CAPABILITY_NAMES, heldCapabilities, inUserNamespace } from "../enrich/capabilities.ts";
import { cgroup2MountPoint } from "../enrich/cgroups.ts";
import { missingProcesses } from "../enrich/pid-namespace.ts";
import { kernelRelease, mounts, sysctl } from "../enrich/procfs.ts";
import { hasKernelTypes, KERNEL_TYPES, lockdownMode } from "../enrich/sysfs.ts";
import { Libbpf } from "../ffi/library.ts";
import type { Answer, DoctorRecord, FeatureReport, TableReport } from "../flow/doctor.ts";
import { bundledLibraries } from "./assets.ts";
import { nowIso } from "./clock.ts";
import { conntrackFeatures } from "./conntrack-features.ts";
import { dnsFeature } from "./dns-feature.ts";
import { expected, type Hooks, verdictsOf } from "./doctor-verdicts.ts";
import { FEATURES, type Way } from "./features.ts";
import { FlowTracer } from "./flow-tracer.ts";
import { reportFeature } from "./hook-choice.ts";
import { tryWay } from "./probe.ts";
import type { HookFamily } from "./session-options.ts";

export interface DoctorOptions {
	/** Kernel types, where /sys/kernel/btf/vmlinux will not do. */
	readonly btfPath: string | null;
	/** A libbpf to use in place of the system's or ours. */
	readonly libbpfPath: string | null;
	readonly hooks: HookFamily;
	readonly version: string;
}

const SYSCTLS = [
	"kernel.perf_event_paranoid",
	"kernel.unprivileged_bpf_disabled",
	"net.core.bpf_jit_enable",
	"kernel.bpf_stats_enabled",
];

const TABLE_OPTIONS: Readonly<Record<string, string>> = {
	conns: "--max-connections",
	udp_conns: "--max-connections",
	flows: "--max-flows",
	flow_slots: "--max-flows",
};

/** Nothing is left in the kernel. Whatever is wrong is in the record. */
export function examine(options: DoctorOptions): DoctorRecord {
	const libbpf = expected(() => Libbpf.open(options.libbpfPath, bundledLibraries));
	const features = [
		...featuresOf(libbpf.result, options),
		...conntrackFeatures(options),
		dnsFeature(),
	];
	const trial = expected(() => tryWatch(options));
	const { error } = trial;
	const commands = verdictsOf(options, features, trial);
	return {
		type: "doctor",
		time: nowIso(),
		version: options.version,
		kernel: kernelRelease(),
		architecture: architecture(),
		can_watch: error === null,
		error: error && { code: error.code, message: error.message, hint: error.hint },
		commands,
		btf: options.btfPath ?? (hasKernelTypes() ? KERNEL_TYPES : null),
		lockdown: lockdownMode(),
		uid: process.geteuid?.() ?? 0,
		in_user_namespace: inUserNamespace(),
		missing_processes: missingProcesses(),
		capabilities: capabilities(),
		sysctls: Object.fromEntries(SYSCTLS.map((name) => [lastWord(name), sysctl(name)])),
		libbpf: libbpf.result?.version ?? null,
		cgroup2: cgroup2MountPoint(mounts()),
		features,
		tables: trial.result?.tables ?? [],
		conntrack: {
			nf_conntrack_acct: sysctl("net.netfilter.nf_conntrack_acct"),
			nf_conntrack_timestamp: sysctl("net.netfilter.nf_conntrack_timestamp"),
		},
	};
}

/** The only certain answer to whether it can run. */
function tryWatch({ btfPath, libbpfPath, hooks }: DoctorOptions): {
	readonly hooks: Hooks;
	readonly tables: TableReport[];
} {
	using tracer = FlowTracer.open({ btfPath, libbpfPath, hooks });
	const tables = tracer.tables().flatMap(({ name, maxEntries, memoryBytes }) => {
		const option = TABLE_OPTIONS[name];
		if (option === undefined) return [];
		return [{ table: name, option, entries: maxEntries, memory_bytes: memoryBytes }];
	});
	return { hooks: tracer.ready.hooks, tables };
}

function featuresOf(libbpf: Libbpf | null, { btfPath, hooks }: DoctorOptions): FeatureReport[] {
	const answer = (way: Way): Answer => {
		if (libbpf === null) return { available: null, reason: "libbpf cannot be loaded" };
		const { result, error } = expected(() => tryWay(libbpf, way, btfPath));
		return result ?? { available: null, reason: error?.message ?? null };
	};
	return FEATURES.map((feature) => reportFeature(feature, hooks, answer));
}

function capabilities(): Record<string, boolean> {
	const held = heldCapabilities();
	return Object.fromEntries(CAPABILITY_NAMES.map((name) => [name, held.has(name)]));
}

function lastWord(name: string): string {
	return name.slice(name.lastIndexOf(".") + 1);
}

/** In the kernel's words. */
function architecture(): string {
	const names: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };
	return names[process.arch] ?? process.arch;
}
