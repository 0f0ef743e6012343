/** A virtual machine that runs one job, in a shell with the host's files, and ends. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { writeInitramfs } from "./initramfs.ts";
import type { PreparedKernel } from "./prepare.ts";

export interface GuestJob {
	/** For sh, as root; what it changes is in memory, except under SHARE. */
	readonly script: string;
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
/**
 * Page tables of five levels make a guest a fifth slower; where it believes that REP MOVSB is fast,
 * memory is copied byte by byte, at a fifth of the speed.
 */
const CPU = "max,-la57,-erms";

function qemuCommand(kernel: PreparedKernel, initramfs: string, share: string): string[] {
	const append = [
		...["console=ttyS0", "quiet", "panic=-1", "mitigations=off", "nokaslr"],
		// What each system call and each page costs less without.
		...["init_on_alloc=0", "apparmor=0", "audit=0"],
		// Emulation has it from the host's clock; what the kernel falls back to is slow.
		...["tsc=reliable", "clocksource=tsc"],
		`modules=${kernel.directory}/lib/modules`,
	];
	return [
		// It ends with us, however we end.
		...["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"],
		...["-M", "q35", "-accel", "tcg", "-cpu", CPU, "-m", `${MEMORY_MB}`, "-smp", `${CPUS}`],
		...["-nodefaults", "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot"],
		...["-kernel", kernel.image, "-initrd", initramfs, "-append", append.join(" ")],
		"-fsdev",
		"local,id=host,path=/,security_model=none,readonly=on,multidevs=remap",
		...["-device", "virtio-9p-pci,fsdev=host,mount_tag=host"],
		...["-fsdev", `local,id=share,path=${share},security_model=none`],
		...["-device", "virtio-9p-pci,fsdev=share,mount_tag=share"],
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
	const initramfs = writeInitramfs(kernel, job.scratch);
	const child = Bun.spawn(qemuCommand(kernel, initramfs, share), {
		stdin: "ignore",
		stdout: "pipe",
		stderr: "pipe",
		signal: job.signal,
		killSignal: "SIGKILL",
	});
	const said = await textOf(child);
	return said.includes(DONE) ? null : said;
}
