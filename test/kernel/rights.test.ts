import { afterAll, beforeAll, describe, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { Conntracer, summaryOf } from "../support/conntracer.ts";
import { expectNothingLost, expectSide, processIs, sideOf } from "../support/expectations.ts";
import { HOOKS, seesPeers } from "../support/hooks.ts";
import { NamespacePair } from "../support/namespaces.ts";
import { OrdinaryUser } from "../support/ordinary-user.ts";
import { isOlderThan, kernelTest, TRACES_UDP, udpTest } from "../support/root.ts";
import { ownPrograms, runTraffic } from "../support/traffic.ts";
import { until } from "../support/until.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("rgt");
/** Before 5.11 BPF memory counts as locked memory, of which an ordinary user has little. */
const MEMORY = isOlderThan("5.11") ? ["sys_resource"] : [];
/** Debian's kernels ask for it for each kprobe then; others have no such value. */
const FOR_KPROBES =
	HOOKS === "kprobe" && Number(readFileSync("/proc/sys/kernel/perf_event_paranoid", "utf8")) > 2
		? ["sys_admin"]
		: [];
const TRACING = ["bpf", "perfmon", ...MEMORY, ...FOR_KPROBES];
/** What is missing then, whatever else is. */
const OF_HOOKS = FOR_KPROBES.length > 0 ? "CAP_SYS_ADMIN" : null;
const OF_ALL = seesPeers() ? "CAP_BPF and CAP_PERFMON" : "CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN";
const WITH_UDP = [...TRACING, "net_admin"];

let user: OrdinaryUser | null = null;
/** It copies the binary, which takes long in a virtual machine. */
const COPY_TIMEOUT_MS = 90_000;
beforeAll(() => {
	if (process.getuid?.() === 0) user = new OrdinaryUser();
}, COPY_TIMEOUT_MS);
afterAll(() => user?.[Symbol.dispose]());

function ordinary(): OrdinaryUser {
	if (user === null) throw new Error("not root");
	return user;
}

interface Thread {
	readonly name: string;
	readonly status: Readonly<Record<string, string>>;
}

const FIELDS = ["CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs"];

/** The main one first. */
function threadsOf(pid: number): Thread[] {
	const tasks = readdirSync(`/proc/${pid}/task`).map(Number);
	return tasks
		.sort((a, b) => Number(b === pid) - Number(a === pid))
		.map((task) => {
			const text = readFileSync(`/proc/${pid}/task/${task}/status`, "utf8");
			const lines = text.split("\n").map((line) => line.split(":\t"));
			const all: Record<string, string> = Object.fromEntries(lines);
			return {
				name: all["Name"] ?? "",
				status: Object.fromEntries(FIELDS.map((field) => [field, all[field] ?? ""])),
			};
		});
}

const [NET_ADMIN, SYS_PTRACE, SYS_ADMIN, BPF] = [1n << 12n, 1n << 19n, 1n << 21n, 1n << 39n];
const hex = (mask: bigint): string => mask.toString(16).padStart(16, "0");
const NOTHING: Thread["status"] = {
	...{ CapInh: hex(0n), CapPrm: hex(0n), CapEff: hex(0n), CapAmb: hex(0n), NoNewPrivs: "1" },
};

/** Before 5.19 (c8644cd0efe7) it could keep all of bpf() from who has not the rights. */
const needsRightsToRead = (): boolean =>
	isOlderThan("5.19") &&
	readFileSync("/proc/sys/kernel/unprivileged_bpf_disabled", "utf8").trim() !== "0";
const TO_READ = needsRightsToRead() ? BPF : 0n;
const OF_TRACER: Thread["status"] = {
	...NOTHING,
	CapPrm: hex((FOR_KPROBES.length > 0 ? SYS_ADMIN : 0n) | TO_READ),
	CapEff: hex(TO_READ | (FOR_KPROBES.length > 0 && TO_READ ? SYS_ADMIN : 0n)),
};
const OF_ROOT: Thread["status"] = {
	...NOTHING,
	CapPrm: hex(NET_ADMIN | SYS_PTRACE | SYS_ADMIN | TO_READ),
	CapEff: hex(SYS_PTRACE | TO_READ | (TO_READ && SYS_ADMIN)),
};

const testOf = (command: string) => (command.includes("--transport udp") ? udpTest : kernelTest);

describe("an ordinary user", () => {
	for (const [command, held, missing] of [
		["watch --transport tcp", [], OF_HOOKS ?? "CAP_BPF and CAP_PERFMON"],
		["watch", [], OF_HOOKS ?? OF_ALL],
		["watch --transport tcp", ["bpf"], OF_HOOKS ?? "CAP_PERFMON"],
		["watch --transport tcp", ["perfmon"], OF_HOOKS ?? "CAP_BPF"],
		...(seesPeers() ? [] : [["watch --transport udp", TRACING, "CAP_NET_ADMIN"] as const]),
		...(OF_HOOKS === null ? [["watch --transport tcp -v", TRACING, "CAP_SYS_ADMIN"] as const] : []),
		["top --transport tcp", ["perfmon"], OF_HOOKS ?? "CAP_BPF"],
		["events", [], OF_HOOKS ?? "CAP_BPF and CAP_PERFMON"],
		["list", ["net_admin"], "CAP_BPF and CAP_PERFMON"],
		["events --hooks fentry", [], "CAP_BPF and CAP_PERFMON"],
	] as const)
		testOf(command)(
			`with ${held.join(", ") || "no rights"} ${command} lacks ${missing}`,
			async () => {
				const run = ordinary().run(held, ...command.split(" "), "-o", "json");
				expect({ exitCode: run.exitCode, stdout: run.stdout }).toEqual({ exitCode: 3, stdout: "" });
				expect(JSON.parse(run.stderr)).toMatchObject({
					...{ type: "error", code: "permission" },
					message: expect.stringMatching(new RegExp(`without ${missing}$`)),
				});
			},
		);

	for (const command of ["watch --transport tcp", "events", "list"])
		kernelTest(`with bpf and perfmon runs ${command}`, async () => {
			const limit = command === "list" ? [] : ["-d", "100ms"];
			const run = ordinary().run(TRACING, ...command.split(" "), ...limit, "--json");
			expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
		});

	kernelTest("with bpf and perfmon sees each connection of others, and gives both up", async () => {
		const program = ordinary().program(TRACING);
		await using conntracer = await Conntracer.runAs(program, "watch", "-i", "100ms");
		if (TRACES_UDP && !seesPeers())
			expect(conntracer.ready.hooks["udp"]).toContain("CAP_NET_ADMIN");
		const truth = await runTraffic(["churn", "--count", "200", ...NAMES]);
		await conntracer.untilClosed(400, processIs(CLIENT, SERVER));
		for (const { name, status } of threadsOf(conntracer.pid))
			expect([NOTHING, OF_TRACER].map((each) => ({ name, ...each }))).toContainEqual({
				name,
				...status,
			});
		const run = await conntracer.stop();
		expectNothingLost(run);
		expectSide(sideOf(run, CLIENT, "active"), truth.clients);
		expectSide(sideOf(run, SERVER, "passive"), truth.servers);
	});

	kernelTest("without sys_nice runs events at normal priority, and says so with -v", async () => {
		const run = ordinary().run(
			// Runs are counted with -v, which takes it.
			[...TRACING, "sys_admin"],
			...["events", "-v", "-d", "100ms", "--json"],
		);
		expect(run.stderr).toContain("it runs at normal priority: set niceness -10: EACCES");
		expect(run.exitCode).toBe(0);
	});

	udpTest("with net_admin, too, traces UDP", async () => {
		const args = ["watch", "-i", "100ms"];
		await using conntracer = await Conntracer.runAs(ordinary().program(WITH_UDP), ...args);
		await using whole = await Conntracer.start("-i", "100ms");
		expect(conntracer.ready.hooks).toEqual(whole.ready.hooks);
		for (const each of [conntracer, whole]) expect((await each.stop()).exitCode).toBe(0);
	});
});

describe("root", () => {
	for (const command of ["watch", "events"])
		kernelTest(
			`keeps, in a ${command}, what other users' processes take, and no thread has more`,
			async () => {
				await using conntracer = await Conntracer.run(command);
				await runTraffic(["refused", "--count", "1", ...NAMES]);
				await conntracer.until("a record", (records) => records.length > 1);
				const [main, ...others] = threadsOf(conntracer.pid);
				expect(main?.status).toEqual(OF_ROOT);
				expect(others.length).toBeGreaterThan(0);
				// Those that the main one has started since then have what it has.
				for (const { status } of others) expect([NOTHING, OF_ROOT]).toContainEqual(status);
				expectNothingLost(await conntracer.stop());
			},
		);

	kernelTest("comes before others in events, with the thread that reads", async () => {
		await using conntracer = await Conntracer.run("events");
		const niceness = (): string | undefined => {
			const stat = readFileSync(`/proc/${conntracer.pid}/stat`, "utf8");
			return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16];
		};
		// Its ready record comes right before.
		await until("niceness -10", () => niceness() === "-10", { soFar: niceness });
		await conntracer.stop();
	});

	kernelTest("still looks into other network namespaces at the end", async () => {
		using pair = new NamespacePair();
		await using conntracer = await Conntracer.start("--process", CLIENT);
		const address = ["--listen", pair.left.ipv4, "--connect", pair.left.ipv4];
		await runTraffic(["churn", "--count", "100", ...address, ...NAMES], pair.left.prefix);
		await conntracer.untilClosed(100, processIs(CLIENT));
		const run = await conntracer.stop();
		expectNothingLost(run);
		const { seen, unverified } = summaryOf(run.records);
		expect(seen.active_opens).toBeGreaterThanOrEqual(100);
		expect(unverified).toMatchObject({ active_opens: 0, passive_opens: 0 });
	});
});
