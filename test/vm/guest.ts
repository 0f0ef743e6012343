/** A virtual machine that runs one job, in a shell with the host's files, and ends. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import type { Architecture } from "../../packaging/apt.ts";
import { writeInitramfs } from "./initramfs.ts";
import type { PreparedKernel } from "./prepare.ts";

/** The files that a guest starts with. */
export interface GuestFiles {
	/** A directory of the host that becomes `/`. */
	readonly root: string;
	/** Directories of the host that have the same path in the guest, where the root has not all. */
	readonly shared: readonly string[];
}

export interface GuestJob {
	/** For sh, as root; what it changes is in memory, except under SHARE. */
	readonly script: string;
	readonly files: GuestFiles;
	/** A directory of the host, with nothing in it but the share. */
	readonly scratch: string;
	/** Kills it. */
	readonly signal: AbortSignal;
}

/** A directory that host and guest both write to, as the guest sees it. */
export const SHARE = "/run/vm";

/** The same, as the host sees it. */
export function shareOf(scratch: string): string {
	return join(scratch, "share");
}

const DONE = "vm: the job is done";
const MEMORY_MB = 2048;
const CPUS = 2;
/** How the host emulates an architecture, and what its kernel is told. */
const MACHINES: Readonly<Record<Architecture, { emulator: string[]; append: string[] }>> = {
	amd64: {
		// Page tables of five levels make a guest a fifth slower; where it believes that REP MOVSB is
		// fast, memory is copied byte by byte, at a fifth of the speed.
		emulator: ["qemu-system-x86_64", "-M", "q35", "-cpu", "max,-la57,-erms"],
		// Emulation has it from the host's clock; what the kernel falls back to is slow.
		append: ["console=ttyS0", "tsc=reliable", "clocksource=tsc"],
	},
	arm64: {
		// The emulation of what later CPUs have (pointer authentication) is slow.
		emulator: ["qemu-system-aarch64", "-M", "virt,gic-version=3", "-cpu", "neoverse-n1"],
		append: ["console=ttyAMA0"],
	},
};

export function emulatorOf(architecture: Architecture): string {
	return MACHINES[architecture].emulator[0] ?? "";
}

/** A directory of the host, for the guest to mount. */
function share(tag: string, path: string, options = ""): string[] {
	const device = `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`;
	return [
		"-fsdev",
		`local,id=${tag},path=${path},security_model=none${options}`,
		"-device",
		device,
	];
}

function qemuCommand(kernel: PreparedKernel, job: GuestJob, initramfs: string): string[] {
	const { emulator, append } = MACHINES[kernel.architecture];
	const { root, shared } = job.files;
	const words = [
		...["quiet", "panic=-1", "mitigations=off", "nokaslr", ...append],
		// What each system call and each page costs less without.
		...["init_on_alloc=0", "apparmor=0", "audit=0"],
		`modules=${kernel.directory}/lib/modules`,
		`shared=${shared.join(":")}`,
	];
	const readOnly = ",readonly=on,multidevs=remap";
	return [
		// It ends with us, however we end.
		...["setpriv", "--pdeathsig", "KILL", ...emulator],
		...["-accel", "tcg", "-m", `${MEMORY_MB}`, "-smp", `${CPUS}`],
		...["-nodefaults", "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot"],
		...["-kernel", kernel.image, "-initrd", initramfs, "-append", words.join(" ")],
		...share("host", root, readOnly),
		...share("share", shareOf(job.scratch)),
		...shared.flatMap((path, index) => share(`shared${index}`, path, readOnly)),
	];
}

async function textOf(child: Subprocess<"ignore", "pipe", "pipe">): Promise<string> {
	const output = new Response(child.stdout).text();
	const errors = new Response(child.stderr).text();
	await child.exited;
	return (await output) + (await errors);
}

/**
 * Boots the kernel, runs the job and waits for its end.
 * @returns null, or what a guest said that has died before
 */
export async function runGuest(kernel: PreparedKernel, job: GuestJob): Promise<string | null> {
	const share = shareOf(job.scratch);
	const end = `echo '${DONE}'\nsync\nexec /bin/busybox poweroff -f\n`;
	writeFileSync(join(share, "job"), `${job.script}\n${end}`);
	const initramfs = writeInitramfs(kernel, job.files.root, job.scratch);
	const child = Bun.spawn(qemuCommand(kernel, job, initramfs), {
		stdin: "ignore",
		stdout: "pipe",
		stderr: "pipe",
		signal: job.signal,
		killSignal: "SIGKILL",
	});
	const said = await textOf(child);
	return said.includes(DONE) ? null : said;
}
