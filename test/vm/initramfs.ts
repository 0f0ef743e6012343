/** The first file system of a guest: busybox, our init, and the modules that the host's root needs. */

import { chmodSync, copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../packaging/shell.ts";
import type { PreparedKernel } from "./prepare.ts";

/** What init calls. */
const APPLETS = ["insmod", "ip", "mkdir", "mount", "sh", "switch_root", "umount"];
const MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay"];

/** Files of a kernel's modules, each after what it needs; those built in have none. */
function modulePaths(root: string, release: string): string[] {
	const paths = MODULES.flatMap((name) =>
		run(["modprobe", "--dirname", root, "--set-version", release, "--show-depends", name])
			.split("\n")
			.flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []),
	);
	return [...new Set(paths)];
}

/** busybox reads no compressed modules. */
function copyModule(path: string, to: string): void {
	if (path.endsWith(".xz")) run(["sh", "-c", 'xz -dc "$0" >"$1"', path, to]);
	else copyFileSync(path, to);
}

/** In an empty directory, with the busybox of the guest's root. Returns the archive's path. */
export function writeInitramfs(
	{ directory, release }: PreparedKernel,
	from: string,
	scratch: string,
): string {
	const root = join(scratch, "root");
	const archive = join(scratch, "initramfs");
	for (const name of ["bin", "modules", "dev", "proc", "host", "upper", "root"])
		mkdirSync(join(root, name), { recursive: true });
	copyFileSync(join(from, "bin/busybox"), join(root, "bin/busybox"));
	for (const name of APPLETS) symlinkSync("busybox", join(root, "bin", name));
	copyFileSync(join(import.meta.dir, "init"), join(root, "init"));
	for (const name of ["bin/busybox", "init"]) chmodSync(join(root, name), 0o755);
	modulePaths(directory, release).forEach((path, index) => {
		copyModule(path, join(root, "modules", `${String(index).padStart(2, "0")}.ko`));
	});
	const pack = 'find . | sort | cpio -o -H newc --quiet >"$0"';
	run(["sh", "-c", pack, archive], { cwd: root });
	return archive;
}
