import { expect } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { conntracerBinary } from "../support/conntracer.ts";
import { guestTest } from "../support/root.ts";
import { Scratch } from "../support/service.ts";
import { HAS_SYSTEMD, Systemd } from "../support/systemd.ts";

const UNIT = resolve(import.meta.dir, "../../packaging/systemd/conntracer.service");
const NAME = "conntracer.service";
const SHORT_WATCHDOG = "[Service]\nWatchdogSec=10s\nRestartSec=100ms\n";

/** What docs/service.md says to add for `--dns`. */
function dnsDropIn(): string {
	const text = readFileSync(resolve(import.meta.dir, "../../docs/service.md"), "utf8");
	const [, block = ""] = /^With `--dns`[\s\S]*?```sh\n([\s\S]*?)```/m.exec(text) ?? [];
	return block.replace(/^(?!# ).*\n/gm, "").replace(/^# /gm, "");
}

/** A machine that has the unit, and this beside it. */
function booted(scratch: Scratch, dropIn: string): Promise<Systemd> {
	const unit = readFileSync(UNIT, "utf8").replace("/usr/local/bin/conntracer", Systemd.PROGRAM);
	mkdirSync(scratch.in(`units/${NAME}.d`), { recursive: true });
	writeFileSync(scratch.in(`units/${NAME}`), unit);
	writeFileSync(scratch.in(`units/${NAME}.d/test.conf`), dropIn);
	return Systemd.boot(scratch.in("units"), conntracerBinary());
}

guestTest(
	"with what the docs say to add, the unit hears DNS",
	"systemd is process 1 of a machine",
	async () => {
		using scratch = new Scratch();
		await using systemd = await booted(scratch, dnsDropIn());
		expect(systemd.run("systemctl", "start", NAME)).toEqual({ exitCode: 0, said: "" });
		const ask = ["curl", "-s", "--unix-socket", "/run/conntracer/api.sock"];
		const { said } = systemd.run(...ask, "http://c/dns?client_id=a");
		expect(JSON.parse(said)).toMatchObject({ type: "dns_statistics", is_new: true });
		expect(systemd.run("systemctl", "stop", NAME)).toEqual({ exitCode: 0, said: "" });
	},
	HAS_SYSTEMD ? null : "there is no systemd",
);

guestTest(
	"a real systemd starts the unit, reloads it, and restarts it when it hangs",
	"systemd is process 1 of a machine",
	async () => {
		using scratch = new Scratch();
		await using systemd = await booted(scratch, SHORT_WATCHDOG);
		// It comes back when the service has said that it is ready, and not before it can be asked.
		expect(systemd.run("systemctl", "start", NAME)).toEqual({ exitCode: 0, said: "" });
		const ask = ["curl", "-s", "--unix-socket", "/run/conntracer/api.sock", "http://c/healthz"];
		expect(JSON.parse(systemd.run(...ask).said)).toEqual({ status: "ok" });
		expect(systemd.show(NAME, "StatusText")).toBe("serving unix:/run/conntracer/api.sock");
		expect(systemd.run("systemctl", "reload", NAME)).toEqual({ exitCode: 0, said: "" });
		await systemd.until(NAME, "ActiveState", "active");
		const pid = systemd.show(NAME, "MainPID");
		expect(Number(pid)).toBeGreaterThan(1);
		expect(systemd.run("kill", "-STOP", pid).exitCode).toBe(0);
		await systemd.until(NAME, "NRestarts", "1");
		await systemd.until(NAME, "ActiveState", "active");
		expect(systemd.show(NAME, "MainPID")).not.toBe(pid);
		expect(systemd.run("systemctl", "stop", NAME)).toEqual({ exitCode: 0, said: "" });
		expect(systemd.show(NAME, "Result")).toBe("success");
		expect(systemd.show(NAME, "ExecMainStatus")).toBe("0");
	},
	HAS_SYSTEMD ? null : "there is no systemd",
);
