/** Whose connections: names of users, cgroups and namespaces become the kernel's numbers. */

import { statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { cgroup2MountPoint, cgroupIdOf } from "../enrich/cgroups.ts";
import { mounts } from "../enrich/procfs.ts";
import { uidOf } from "../enrich/users.ts";
import { UnsupportedError } from "../errors.ts";
import { InvalidValue } from "./option.ts";
import { parseInteger } from "./parse.ts";

const NUMBER = /^\d+$/;
const UID = { least: 0, most: 2 ** 32 - 2 };
const INODE = { least: 1, most: 2 ** 32 - 1 };
const MAX_CGROUP_ID = 2n ** 64n - 1n;
const CONTAINER = /^[0-9a-f]{12,64}$/;
const NSFS_MAGIC = 0x6e736673;

/** A uid, of the number or of a name in /etc/passwd. */
export function parseUser(text: string): number {
	if (NUMBER.test(text)) return parseInteger(UID)(text);
	const uid = uidOf(text);
	if (uid === null)
		throw new InvalidValue(text, "is not a local user", "write the number: id -u NAME");
	return uid;
}

/** A container id or the front of one, in lower case. */
export function parseContainer(text: string): string {
	const id = text.toLowerCase();
	if (CONTAINER.test(id)) return id;
	throw new InvalidValue(
		text,
		"is not a container id",
		"write at least its first 12 hexadecimal digits, as docker ps or crictl ps show them",
	);
}

/** The inode number of a network namespace. */
export function parseNetns(text: string): number {
	if (NUMBER.test(text)) return parseInteger(INODE)(text);
	const inode = namespaceInode(text);
	if (inode !== null) return inode;
	throw new InvalidValue(
		text,
		"is not a network namespace that this user can see",
		"write an inode number, or a path such as /run/netns/NAME or /proc/PID/ns/net",
	);
}

function namespaceInode(path: string): number | null {
	try {
		return statfsSync(path).type === NSFS_MAGIC ? statSync(path).ino : null;
	} catch {
		return null;
	}
}

/** A cgroup v2 id in decimal. A path may be the directory's, or as in /proc/PID/cgroup. */
export function parseCgroup(text: string): string {
	if (NUMBER.test(text)) return parseCgroupId(text);
	const root = cgroup2MountPoint(mounts());
	if (root === null) {
		throw new UnsupportedError(
			`--cgroup ${JSON.stringify(text)}`,
			null,
			"cgroup v2 is not mounted",
			"mount it: mount -t cgroup2 none /sys/fs/cgroup/unified",
		);
	}
	const isWhole = text === root || text.startsWith(`${root}/`);
	const id = cgroupIdOf(isWhole ? text : join(root, text));
	if (id !== null) return id;
	throw new InvalidValue(text, "is not a cgroup", `write an id, or a path below ${root}`);
}

function parseCgroupId(text: string): string {
	const id = BigInt(text);
	if (id >= 1n && id <= MAX_CGROUP_ID) return id.toString();
	throw new InvalidValue(text, "is out of range", "write a cgroup id, or a path");
}
