/** A systemd of a test's own, as process 1 of namespaces, with no units but those that it is given. */

import { existsSync, readFileSync } from "node:fs";
import type { Subprocess } from "bun";
import { TIME_FACTOR } from "./time-factor.ts";
import { until } from "./until.ts";

const SYSTEMD = "/usr/lib/systemd/systemd";
export const HAS_SYSTEMD = existsSync(SYSTEMD);

const WAIT_MS = 60_000;
const PATIENCE = { withinMs: WAIT_MS, everyMs: 100 } as const;
/** What units ask for by default. */
const TARGETS = ["sysinit", "basic", "shutdown", "network"];

/** "$1" is where units are, and "$0" the program that they start. */
const BOOT = `
set -e
mount --make-rprivate /
cp -r "$1" /dev/shm/units.$$
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd /run/netns /run/program
cp -r /dev/shm/units.$$ /run/units
rm -r /dev/shm/units.$$
cp "$0" /run/program/conntracer
for target in ${TARGETS.join(" ")}; do
	printf '[Unit]\\nDefaultDependencies=no\\n' > /run/units/$target.target
done
exec env -i container=other "PATH=$PATH" SYSTEMD_UNIT_PATH=/run/units ${SYSTEMD} --system \\
	--unit=basic.target --log-target=console
`;

export class Systemd implements AsyncDisposable {
	/** Where units find the program. */
	static readonly PROGRAM = "/run/program/conntracer";
	readonly #child: Subprocess;
	readonly #inside: readonly string[];

	private constructor(child: Subprocess, pid: number) {
		this.#child = child;
		this.#inside = ["nsenter", "-t", `${pid}`, "-p", "-m", "-C"];
	}

	/** @param units a directory with unit files */
	static async boot(units: string, program: string): Promise<Systemd> {
		const namespaces = ["--pid", "--mount", "--mount-proc", "--uts", "--ipc", "--cgroup"];
		const command = ["unshare", "--fork", "--kill-child", ...namespaces, "bash", "-c", BOOT];
		const child = Bun.spawn([...command, program, units], {
			...{ stdin: "ignore", stdout: "ignore", stderr: "ignore" },
		});
		let state = "none";
		const running = (): Systemd | null => {
			if (child.exitCode !== null) throw new Error("systemd has ended");
			const pid = childOf(child.pid);
			if (pid === null) return null;
			const systemd = new Systemd(child, pid);
			state = systemd.run("systemctl", "is-system-running").said;
			return state === "running" ? systemd : null;
		};
		try {
			return await until("systemd to run", running, { ...PATIENCE, soFar: () => state });
		} catch (error) {
			child.kill("SIGKILL");
			throw error;
		}
	}

	/** In its namespaces. */
	run(...command: readonly string[]): { readonly exitCode: number; readonly said: string } {
		const timeout = WAIT_MS * TIME_FACTOR;
		const { exitCode, stdout, stderr } = Bun.spawnSync([...this.#inside, ...command], { timeout });
		return { exitCode, said: `${stdout}${stderr}`.trim() };
	}

	/** A property of a unit. */
	show(unit: string, property: string): string {
		return this.run("systemctl", "show", "--value", "-p", property, unit).said;
	}

	/** Until a property of a unit is what it is to be. */
	async until(unit: string, property: string, value: string): Promise<void> {
		const soFar = (): string => this.show(unit, property);
		const isSo = (): boolean => soFar() === value;
		await until(`${property} of ${unit} to be ${value}`, isSo, { ...PATIENCE, soFar });
	}

	/** All that it has started dies with it. */
	async [Symbol.asyncDispose](): Promise<void> {
		this.#child.kill("SIGKILL");
		await this.#child.exited;
	}
}

/** Its only one; null before there is one. */
function childOf(pid: number): number | null {
	const path = `/proc/${pid}/task/${pid}/children`;
	const [child = ""] = existsSync(path) ? readFileSync(path, "utf8").trim().split(" ") : [];
	return child === "" ? null : Number(child);
}
