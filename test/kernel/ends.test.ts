import { describe, expect } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bpfIdsOf, stillLoaded, untilFreed } from "../support/bpf.ts";
import { Conntracer, conntracerBinary, runShell, summaryOf } from "../support/conntracer.ts";
import { kernelTest } from "../support/root.ts";
import { Traffic } from "../support/traffic.ts";

for (const signal of ["SIGINT", "SIGTERM"] as const)
	kernelTest(`${signal} ends a run with exit 0 and a summary`, async () => {
		await using conntracer = await Conntracer.start();
		const run = await conntracer.stop(signal);
		expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
		expect(summaryOf(run.records).duration_ms).toBeGreaterThanOrEqual(0);
	});

describe("nothing stays in the kernel", () => {
	for (const signal of ["SIGINT", "SIGKILL"] as const)
		kernelTest(`after ${signal}`, async () => {
			await using conntracer = await Conntracer.start();
			const ids = bpfIdsOf(conntracer.pid);
			const loaded = stillLoaded(ids);
			expect(loaded.programs.size).toBeGreaterThan(0);
			expect(loaded.links.size).toBeGreaterThan(0);
			await conntracer.stop(signal);
			await untilFreed(ids);
		});
});

kernelTest(
	"of what only finds out what a kernel can do nothing is there once a run is ready",
	async () => {
		await using conntracer = await Conntracer.start();
		const { programs } = bpfIdsOf(conntracer.pid);
		expect(programs.size).toBe(conntracer.ready.programs.length);
		await conntracer.stop();
	},
);

describe("a reader that goes away", () => {
	for (const output of ["json", "csv", "table"])
		kernelTest(`ends a run with exit 0: ${output}`, async () => {
			const noise = ["churn", "--count", "1000000", "--rst", "--timeout", "600", "--wait"];
			await using traffic = new Traffic(noise);
			await traffic.ready();
			traffic.go();
			const watch = `"$CONNTRACER" watch -o ${output} -i 100ms`;
			const run = runShell(`{ ${watch}; echo exit $? >&2; } | head -1`);
			expect(run.stdout.trim().split("\n")).toHaveLength(1);
			expect(run.stderr).toEndWith("exit 0\n");
		});
});

kernelTest("a reader that goes away ends a run that has nothing to say", async () => {
	const watch = '"$CONNTRACER" watch --json -i 1m --process nobody';
	const run = runShell(`{ ${watch}; echo exit $? >&2; } | head -1`);
	expect(run.stdout.trim().split("\n")).toHaveLength(1);
	expect(run.stderr).toBe("exit 0\n");
});

describe("wrong use is exit 2 and one line with the remedy", () => {
	const cases: [args: string, says: RegExp][] = [
		["watch --interval potato", /potato.*(250ms|2s|1m)/],
		["watch --aggregate potato", /process.*service.*connection/],
		["watch --remote potato", /potato/],
		["watch --potato", /potato/],
		["potato", /potato/],
	];
	for (const [args, says] of cases)
		kernelTest(args, async () => {
			const run = runShell(`"$CONNTRACER" ${args}`);
			expect({ exitCode: run.exitCode, stdout: run.stdout }).toEqual({ exitCode: 2, stdout: "" });
			expect(run.stderr.trimEnd().split("\n")).toHaveLength(1);
			expect(run.stderr).toMatch(says);
		});

	kernelTest("in JSON where that is asked for", async () => {
		const run = runShell('"$CONNTRACER" watch --json --interval potato');
		expect(run.exitCode).toBe(2);
		expect(JSON.parse(run.stderr)).toMatchObject({ type: "error", code: "usage" });
	});
});

describe("without privileges", () => {
	function asNobody(args: string) {
		const directory = mkdtempSync(join(tmpdir(), "conntracer-"));
		try {
			const copy = join(directory, "conntracer");
			copyFileSync(conntracerBinary(), copy);
			const nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all";
			return runShell(`chmod 755 ${directory} ${copy}; cd /; ${nobody} ${copy} ${args}`);
		} finally {
			rmSync(directory, { recursive: true });
		}
	}

	kernelTest("exit 3, one line, and the capability", async () => {
		const run = asNobody("watch");
		expect({ exitCode: run.exitCode, stdout: run.stdout }).toEqual({ exitCode: 3, stdout: "" });
		expect(run.stderr.trimEnd().split("\n")).toHaveLength(1);
		expect(run.stderr).toMatch(/CAP_(BPF|SYS_ADMIN|PERFMON)/);
	});

	kernelTest("in JSON where that is asked for", async () => {
		const run = asNobody("watch --json");
		expect(run.exitCode).toBe(3);
		expect(JSON.parse(run.stderr)).toMatchObject({ type: "error", code: "permission" });
	});
});

describe("what is missing ends it with one line, and nothing attached", () => {
	const withoutBtf = "unshare --mount sh -c 'mount -t tmpfs none /sys/kernel/btf && exec";
	const cases: [string, string, number, RegExp][] = [
		["kernel types", `${withoutBtf} "$0" watch' "$CONNTRACER"`, 4, /BTF.*CONFIG_DEBUG_INFO_BTF/],
		["libbpf", '"$CONNTRACER" watch --libbpf /nonexistent', 5, /\/nonexistent.*libbpf1/],
		[
			"BTF in what --btf names",
			'"$CONNTRACER" watch --btf /etc/passwd',
			2,
			/--btf "\/etc\/passwd"/,
		],
	];
	for (const [what, command, exitCode, says] of cases)
		kernelTest(what, async () => {
			const run = runShell(command);
			expect({ exitCode: run.exitCode, stdout: run.stdout }).toEqual({ exitCode, stdout: "" });
			expect(run.stderr.trimEnd().split("\n")).toHaveLength(1);
			expect(run.stderr).toMatch(says);
		});
});

kernelTest("-n and -d end a run", async () => {
	for (const end of ["-n 1", "-d 300ms"]) {
		const run = runShell(`"$CONNTRACER" watch --json --summary -i 200ms ${end}`);
		expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
		const types = run.stdout
			.trimEnd()
			.split("\n")
			.map((line) => JSON.parse(line).type);
		expect([types[0], types.at(-1)]).toEqual(["ready", "summary"]);
	}
});
