import { expect, test } from "bun:test";
import { parseCommandLine } from "../../src/cmd/command-line.ts";
import { doctorOf } from "../../src/cmd/doctor.ts";
import { resolve } from "../../src/cmd/settings.ts";
import type { DoctorRecord, DoctorStats } from "../../src/flow/doctor.ts";
import type { ProbeStats } from "../../src/flow/probe-stats.ts";
import type { DoctorOptions } from "../../src/trace/doctor.ts";
import { NOTHING_LOST } from "../../src/trace/losses.ts";

const HEALTHY: DoctorRecord = {
	...{ type: "doctor", time: "2026-11-21T10:00:00.000000000Z", version: "1" },
	...{ kernel: "6.1.0", architecture: "x86_64", can_watch: true, error: null, btf: null },
	...{ lockdown: null, uid: 0, in_user_namespace: null, capabilities: {}, sysctls: {} },
	missing_processes: null,
	...{ libbpf: null, cgroup2: null, commands: [], features: [], tables: [] },
	conntrack: { nf_conntrack_acct: null, nf_conntrack_timestamp: null },
};

const NO_STATS: ProbeStats = {
	...{ time: HEALTHY.time, programs: [], maps: [], ring_buffer: null, lost: NOTHING_LOST },
};

const probed = (_options: DoctorOptions, durationMs: number): Promise<DoctorStats> =>
	Promise.resolve({ duration_ms: durationMs, watch: NO_STATS, events: NO_STATS });

async function play(words: readonly string[], record: DoctorRecord) {
	const asked: DoctorOptions[] = [];
	const command = doctorOf((options) => {
		asked.push(options);
		return record;
	}, probed);
	let stdout = "";
	const output = {
		...{ isTerminal: false, columns: () => 80, rows: () => 24 },
		write: (text: string) => {
			stdout += text;
		},
	};
	const line = parseCommandLine(["doctor", ...words], [command]);
	if (line.mistake !== null) throw line.mistake;
	const opened = () => {
		throw new Error("doctor opens no tracer of its caller's");
	};
	const code = await command.handler(
		resolve(command.options, [line.layer]),
		{
			...{ stdout: output, stderr: output, env: {}, version: "1" },
			...{ signal: new AbortController().signal, openFlowTracer: opened, openEventTracer: opened },
		},
		[],
	);
	return { code, stdout, asked: asked[0] };
}

for (const [what, error, code] of [
	["can run", null, 0],
	["lacks rights", "permission", 3],
	["lacks something in the kernel", "unsupported", 4],
	["lacks libbpf", "libbpf_missing", 4],
	["is broken", "libbpf", 4],
] as const)
	test(`a machine that ${what} is exit code ${code}`, async () => {
		const why = error === null ? null : { code: error, message: "m", hint: null };
		const record = { ...HEALTHY, can_watch: error === null, error: why };
		const run = await play(["--json"], record);
		expect(run.code).toBe(code);
		expect(JSON.parse(run.stdout)).toEqual(record);
	});

test("--stats looks for as long as it is told, and not where nothing can be attached", async () => {
	const statsOf = async (words: readonly string[], record = HEALTHY): Promise<unknown> =>
		JSON.parse((await play(["--json", ...words], record)).stdout).stats;
	expect(await statsOf([])).toBeUndefined();
	expect(await statsOf(["--stats"])).toMatchObject({ duration_ms: 1000, watch: NO_STATS });
	expect(await statsOf(["--stats", "-d", "250ms"])).toMatchObject({ duration_ms: 250 });
	expect(await statsOf(["--stats"], { ...HEALTHY, can_watch: false })).toBeNull();
});

test("the options reach the examination", async () => {
	const { asked } = await play(["--hooks", "kprobe", "--libbpf", "/x.so"], HEALTHY);
	expect(asked).toEqual({ btfPath: null, libbpfPath: "/x.so", hooks: "kprobe", version: "1" });
});
