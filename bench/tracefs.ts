/** The file system through which `tcplife` and `bpftrace` attach to tracepoints. */

import { existsSync } from "node:fs";
import { run } from "../packaging/shell.ts";

const MOUNT_POINT = "/sys/kernel/tracing";

/** Mounts it where nobody has, for as long as this process runs. */
export function provideTracefs(): void {
	if (existsSync(`${MOUNT_POINT}/events`)) return;
	run(["mount", "-t", "tracefs", "nodev", MOUNT_POINT]);
	process.stderr.write(`bench: tracefs is mounted at ${MOUNT_POINT} until the end\n`);
	process.once("exit", () => run(["umount", MOUNT_POINT]));
}
