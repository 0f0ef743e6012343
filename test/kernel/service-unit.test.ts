import { expect } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { conntracerBinary } from "../support/conntracer.ts";
import { OrdinaryUser } from "../support/ordinary-user.ts";
import { kernelTest } from "../support/root.ts";
import { Scratch } from "../support/service.ts";
import { until } from "../support/until.ts";

const UNIT = resolve(import.meta.dir, "../../packaging/systemd/conntracer.service");
/** What systemd calls OK ends at 5. */
const MOST_EXPOSURE = 3;

const analyze = (...args: readonly string[]): { exitCode: number; said: string } => {
	const { exitCode, stdout, stderr } = Bun.spawnSync(["systemd-analyze", ...args]);
	return { exitCode, said: `${stdout}${stderr}` };
};

kernelTest(
	"systemd has no complaint of the unit, and finds little that it is exposed to",
	async () => {
		using scratch = new Scratch();
		const unit = scratch.in("conntracer.service");
		const text = readFileSync(UNIT, "utf8");
		writeFileSync(unit, text.replace("/usr/local/bin/conntracer", conntracerBinary()));
		const verified = analyze("verify", unit);
		const ofUnit = verified.said.split("\n").filter((line) => line.includes("conntracer"));
		expect({ exitCode: verified.exitCode, ofUnit }).toEqual({ exitCode: 0, ofUnit: [] });
		const { said } = analyze("security", "--offline=true", unit);
		const exposure = Number(/exposure level for conntracer\.service: (\S+)/.exec(said)?.[1]);
		process.stderr.write(`systemd-analyze security: exposure ${exposure} of 10\n`);
		expect(exposure).toBeLessThanOrEqual(MOST_EXPOSURE);
	},
);

kernelTest("its capabilities are enough for a user who has no others", async () => {
	const names = /^AmbientCapabilities=(.*)$/m.exec(readFileSync(UNIT, "utf8"))?.[1]?.split(" ");
	const capabilities = (names ?? []).map((name) => name.replace("CAP_", "").toLowerCase());
	expect(capabilities).toContain("bpf");
	using user = new OrdinaryUser();
	using scratch = new Scratch();
	chmodSync(scratch.path, 0o777);
	const socket = scratch.in("api.sock");
	const command = [...user.program(capabilities), "serve", "--socket", socket, "-d", "3s"];
	const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
	const statusOrEnd = async (): Promise<number | null> => {
		if (child.exitCode !== null) throw new Error(`serve has ended: ${await child.stderr.text()}`);
		const asked = fetch("http://localhost/connections?client_id=me", { unix: socket });
		return await asked.then(({ status }) => status).catch(() => null);
	};
	expect(await until("the service to answer", statusOrEnd)).toBe(200);
	expect(await child.exited).toBe(0);
	expect(await child.stderr.text()).toContain("serving unix:");
});
