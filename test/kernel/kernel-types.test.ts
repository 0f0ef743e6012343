import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Conntracer, conntracerBinary, runShell } from "../support/conntracer.ts";
import { expectNothingLost, expectSide, processIs, sideOf } from "../support/expectations.ts";
import { kernelTest } from "../support/root.ts";
import { ownPrograms, runTraffic } from "../support/traffic.ts";

const { client: CLIENT, server: SERVER, names: NAMES } = ownPrograms("btf");
const HIDDEN = "mount -t tmpfs none /sys/kernel/btf";

let directory = "";
let types = "";
beforeAll(async () => {
	directory = mkdtempSync(join(tmpdir(), "conntracer-btf-"));
	types = join(directory, "types of this kernel");
	await Bun.write(types, Bun.file("/sys/kernel/btf/vmlinux"));
	await Bun.write(join(directory, "text"), "no types\n");
});
afterAll(() => rmSync(directory, { recursive: true }));

/** In a place where the kernel's own types are not to be seen. */
function hidden(command: string) {
	return runShell(`exec unshare -m sh -c '${HIDDEN} && exec "$CONNTRACER" ${command}'`);
}

describe("where the kernel's types are not to be seen", () => {
	for (const command of ["watch", "events", "list"])
		kernelTest(`${command} says where to get some`, async () => {
			const { stdout, stderr, exitCode } = hidden(`${command} -o json`);
			expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 4 });
			expect(JSON.parse(stderr)).toMatchObject({
				...{ type: "error", code: "unsupported" },
				message: expect.stringContaining("/sys/kernel/btf/vmlinux is not there"),
				hint: expect.stringMatching(/--btf.*btfhub/),
			});
		});

	kernelTest("--btf has them, and each connection counts", async () => {
		const program = ["unshare", "-m", "sh", "-c", `${HIDDEN} && exec "$0" "$@"`];
		const args = ["watch", "-i", "100ms", "--btf", types];
		await using conntracer = await Conntracer.runAs([...program, conntracerBinary()], ...args);
		const truth = await runTraffic(["churn", "--count", "100", ...NAMES]);
		await conntracer.untilClosed(200, processIs(CLIENT, SERVER));
		const run = await conntracer.stop();
		expectNothingLost(run);
		expectSide(sideOf(run, CLIENT, "active"), truth.clients);
		expectSide(sideOf(run, SERVER, "passive"), truth.servers);
	});

	kernelTest("--btf serves a list, and doctor", async () => {
		expect(hidden(`list --btf "${types}"`)).toMatchObject({ exitCode: 0, stderr: "" });
		const doctor = hidden(`doctor --json --btf "${types}"`);
		expect(JSON.parse(doctor.stdout)).toMatchObject({ can_watch: true, btf: types });
	});

	kernelTest("doctor says so, and what to do", async () => {
		const { stdout, exitCode } = hidden("doctor --json");
		expect(exitCode).toBe(4);
		expect(JSON.parse(stdout)).toMatchObject({
			...{ can_watch: false, btf: null },
			error: { code: "unsupported", hint: expect.stringContaining("--btf") },
		});
	});
});

describe("a file of --btf that is none of types is wrong use", () => {
	for (const [where, run] of [
		["with the kernel's own", (command: string) => runShell(`"$CONNTRACER" ${command}`)],
		["without", hidden],
	] as const)
		for (const command of ["watch", "list"])
			kernelTest(`${where}: ${command}`, async () => {
				const { stdout, stderr, exitCode } = run(`${command} --btf "${directory}/text"`);
				expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
				expect(stderr).toStartWith(`conntracer: --btf "${directory}/text": `);
				expect(stderr.trimEnd().split("\n").length).toBe(1);
			});
});

kernelTest("types of something else are told from those of this kernel", async () => {
	const other = join(import.meta.dir, "../../build/list.bpf.o");
	const { stderr, exitCode } = hidden(`watch --btf "${other}"`);
	expect(exitCode).toBe(4);
	expect(stderr).toContain("is of another build");
});
