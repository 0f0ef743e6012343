/** The pid namespace that we are in: whose processes have a number here, and whether /proc is its own. */

import { ownStatus, pidNamespaceInode } from "./procfs.ts";

/** PROC_PID_INIT_INO of linux/proc_ns.h. */
const FIRST = 0xeffffffc;
/** No namespace has this number: so none of the processes has one. */
const NOWHERE = 1;

/** Its inode number, as the kernel side wants it; 0: the first one, which sees all processes. */
export function ownPidNamespace(): number {
	const inode = pidNamespaceInode() ?? NOWHERE;
	return inode === FIRST ? 0 : inode;
}

/** False where /proc has other numbers than we: it was mounted in another pid namespace. */
export function hasOwnProc(): boolean {
	// From the namespace of /proc to our own; no line where the kernel was built without them.
	const numbers = ownStatus("NSpid")?.trim() ?? String(process.pid);
	return numbers === String(process.pid);
}

/** What is not known of processes, and what to do; null where nothing is missing. */
export function missingProcesses(): string | null {
	if (ownPidNamespace() !== 0)
		return "processes outside this pid namespace have no pid, and connections that they opened before the start have no process (run it in the host's: docker run --pid=host, hostPID: true)";
	if (!hasOwnProc())
		return "/proc is of another pid namespace: executables and command lines may be missing (mount a proc of this one)";
	return null;
}
