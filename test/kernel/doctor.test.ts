import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import type { DoctorRecord } from "../../src/flow/doctor.ts";
import { Conntracer, runShell } from "../support/conntracer.ts";
import { OrdinaryUser } from "../support/ordinary-user.ts";
import { kernelTest, TRACES_UDP } from "../support/root.ts";

function doctor(args = ""): { record: DoctorRecord; exitCode: number } {
	const { stdout, stderr, exitCode } = runShell(`"$CONNTRACER" doctor --json ${args}`);
	expect(stderr).toBe("");
	expect(stdout.trimEnd().split("\n").length).toBe(1);
	return { record: JSON.parse(stdout), exitCode };
}

/** What a shell says, without the end of the line. */
function told(command: string): string | null {
	const { stdout, exitCode } = runShell(command);
	return exitCode === 0 ? stdout.trimEnd() : null;
}

const sysctl = (name: string): number | null => {
	const text = told(`sysctl -n ${name} 2>/dev/null`);
	return text === null ? null : Number(text);
};

kernelTest("doctor says what this machine is", async () => {
	const { record, exitCode } = doctor();
	const status = told("grep CapEff /proc/self/status")?.split("\t")[1];
	const isHeld = (bit: bigint) => ((BigInt(`0x${status}`) >> bit) & 1n) === 1n;
	expect({ exitCode, can_watch: record.can_watch, error: record.error }).toEqual({
		...{ exitCode: 0, can_watch: true, error: null },
	});
	expect(record).toMatchObject({
		...{ type: "doctor", kernel: told("uname -r"), architecture: told("uname -m") },
		...{ btf: "/sys/kernel/btf/vmlinux", uid: 0, in_user_namespace: false },
		cgroup2: told("findmnt -fnt cgroup2 -o TARGET"),
		sysctls: {
			perf_event_paranoid: sysctl("kernel.perf_event_paranoid"),
			unprivileged_bpf_disabled: sysctl("kernel.unprivileged_bpf_disabled"),
			bpf_jit_enable: sysctl("net.core.bpf_jit_enable"),
			bpf_stats_enabled: sysctl("kernel.bpf_stats_enabled"),
		},
		capabilities: {
			...{ CAP_BPF: isHeld(39n), CAP_PERFMON: isHeld(38n), CAP_NET_ADMIN: isHeld(12n) },
			...{ CAP_SYS_PTRACE: isHeld(19n), CAP_SYS_ADMIN: isHeld(21n) },
			CAP_SYS_RESOURCE: isHeld(24n),
		},
		conntrack: {
			nf_conntrack_acct: sysctl("net.netfilter.nf_conntrack_acct"),
			nf_conntrack_timestamp: sysctl("net.netfilter.nf_conntrack_timestamp"),
		},
	});
});

kernelTest("doctor has a hook for each feature that a run has, and the same", async () => {
	const { record } = doctor();
	await using conntracer = await Conntracer.start();
	const { hooks } = conntracer.ready;
	const chosen = record.features.map(({ feature, hook }) => [feature, hook] as const);
	expect(chosen.map(([feature]) => feature)).toEqual([
		...["tcp_lifecycle", "accept", "existing_sockets", "map_walks", "udp", "udp_peers"],
		...["retransmissions", "resets", "nat", "accounting", "dns"],
	] as const);
	const ofDoctor = new Map<string, string | null>(chosen);
	for (const [feature, hook] of Object.entries(hooks)) {
		if (!hook.startsWith("none")) expect([feature, ofDoctor.get(feature)]).toEqual([feature, hook]);
		else expect([ofDoctor.get("udp"), ofDoctor.get("udp_peers")]).toContain(null);
	}
	await conntracer.stop();
});

kernelTest("doctor gives the sizes of tables as the kernel has them", async () => {
	const { tables } = doctor().record;
	expect(tables.map(({ table, entries }) => [table, entries])).toEqual([
		...[
			["conns", 65_536],
			["udp_conns", TRACES_UDP ? 65_536 : 1],
			["flows", 65_537],
			["flow_slots", 65_537],
		],
	]);
	for (const { entries, memory_bytes } of tables)
		expect(memory_bytes).toBeGreaterThan(entries === 1 ? 0 : 1_000_000);
});

describe("a family of hooks that this kernel lacks", () => {
	for (const family of ["fentry", "kprobe"] as const)
		for (const command of ["watch", "events"])
			kernelTest(`${family}: ${command} ends with the reason that doctor gives`, async () => {
				const { record, exitCode } = doctor(`--hooks ${family}`);
				const accept = record.features.find(({ feature }) => feature === "accept");
				const way = accept?.ways.find(({ hook }) => hook === family);
				const run = runShell(`"$CONNTRACER" ${command} --hooks ${family} -d 100ms`);
				if (way?.available === true) {
					expect({ exitCode, run: run.exitCode }).toEqual({ exitCode: 0, run: 0 });
					return;
				}
				expect({ exitCode, code: run.exitCode, stdout: run.stdout }).toEqual({
					...{ exitCode: 4, code: 4, stdout: "" },
				});
				expect(run.stderr).toStartWith(`conntracer: --hooks ${family}: ${way?.reason} (`);
				expect(run.stderr.trimEnd().split("\n").length).toBe(1);
				expect(record.error?.message).toBe(`--hooks ${family}: ${way?.reason}`);
			});

	kernelTest("is told from one that is not permitted", async () => {
		using user = new OrdinaryUser();
		const run = user.run([], "doctor", "--json");
		const record: DoctorRecord = JSON.parse(run.stdout);
		expect({ exitCode: run.exitCode, code: record.error?.code }).toEqual({
			...{ exitCode: 3, code: "permission" },
		});
		const ways = record.features.flatMap((feature) => feature.ways);
		expect(ways.filter(({ available }) => available === true)).toEqual([]);
		const accept = record.features.find(({ feature }) => feature === "accept");
		expect(accept?.ways.find(({ hook }) => hook === "tracepoint")).toMatchObject({
			...{ available: null, reason: "needs CAP_BPF and CAP_PERFMON" },
		});
	});

	kernelTest("kprobe is there where the kernel has their device, and nowhere else", async () => {
		const accept = doctor().record.features.find(({ feature }) => feature === "accept");
		const way = accept?.ways.find(({ hook }) => hook === "kprobe");
		if (existsSync("/sys/bus/event_source/devices/kprobe"))
			expect(way?.reason ?? "").not.toContain("CONFIG_KPROBE_EVENTS");
		else
			expect(way).toMatchObject({
				...{ available: false, reason: expect.stringContaining("CONFIG_KPROBE_EVENTS") },
			});
	});
});

kernelTest("a libbpf that cannot be loaded is in the record", async () => {
	const { record, exitCode } = doctor("--libbpf /nonexistent.so");
	expect(exitCode).toBe(4);
	expect(record).toMatchObject({ libbpf: null, error: { code: "libbpf_missing" } });
});
