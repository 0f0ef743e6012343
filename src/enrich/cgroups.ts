/** Names for cgroup v2 ids: the path of a cgroup, and the container that a path belongs to. */

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { containerIdOf, unitOf } from "./cgroup-paths.ts";
import { type Mount, mounts } from "./procfs.ts";

export interface CgroupTreeOptions {
	/** Milliseconds of a clock that never goes back. */
	readonly now?: () => number;
	/** The most paths that are remembered, and the most ids known to have none. */
	readonly capacity?: number;
}

/** When to look again for an id that was not found, and how long to wait after that. */
interface Absence {
	readonly retryAt: number;
	readonly waitMs: number;
}

const WALK_INTERVAL_MS = 250;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;

/**
 * Id → path. The id of a cgroup is the inode number of its directory, so an unknown id is looked for
 * by walking the tree. An id that is not there, mostly of a cgroup that is gone, costs at most one
 * walk a second, and ever fewer. The path of a removed cgroup is remembered.
 */
export class CgroupTree {
	readonly #root: string;
	readonly #now: () => number;
	readonly #capacity: number;
	readonly #paths = new Map<string, string>();
	readonly #absent = new Map<string, Absence>();
	#nextWalk = Number.NEGATIVE_INFINITY;

	/** @param root where the cgroup2 file system is mounted */
	constructor(
		root: string,
		{ now = () => performance.now(), capacity = 65_536 }: CgroupTreeOptions = {},
	) {
		this.#root = root;
		this.#now = now;
		this.#capacity = capacity;
	}

	/**
	 * The path below the mount point, "/" for the mount point itself. Null where it is not known (yet).
	 *
	 * @param id in decimal
	 */
	pathOf(id: string): string | null {
		const known = this.#paths.get(id);
		if (known !== undefined) return known;
		const now = this.#now();
		const absence = this.#absent.get(id);
		if (now < this.#nextWalk || now < (absence?.retryAt ?? now)) return null;
		this.#nextWalk = now + WALK_INTERVAL_MS;
		this.#walk("/");
		const found = this.#paths.get(id);
		if (found === undefined) this.#remember(this.#absent, id, absenceAfter(absence, now));
		else this.#absent.delete(id);
		return found ?? null;
	}

	#walk(path: string): void {
		const directory = join(this.#root, path);
		const id = cgroupIdOf(directory);
		// Gone since its parent was read.
		if (id === null) return;
		this.#remember(this.#paths, id, path);
		for (const name of subdirectories(directory)) this.#walk(join(path, name));
	}

	/** The one that was not seen for the longest time makes room. */
	#remember<T>(cache: Map<string, T>, id: string, value: T): void {
		cache.delete(id);
		cache.set(id, value);
		if (cache.size <= this.#capacity) return;
		for (const oldest of cache.keys()) {
			cache.delete(oldest);
			return;
		}
	}
}

function absenceAfter(previous: Absence | undefined, now: number): Absence {
	const waitMs = Math.min((previous?.waitMs ?? FIRST_WAIT_MS / 2) * 2, LONGEST_WAIT_MS);
	return { retryAt: now + waitMs, waitMs };
}

function subdirectories(directory: string): string[] {
	try {
		return readdirSync(directory, { withFileTypes: true })
			.filter((entry) => entry.isDirectory())
			.map((entry) => entry.name);
	} catch {
		return [];
	}
}

/** In decimal; null where there is no such directory. */
export function cgroupIdOf(directory: string): string | null {
	try {
		const stats = statSync(directory, { bigint: true });
		return stats.isDirectory() ? stats.ino.toString() : null;
	} catch {
		return null;
	}
}

/** Where cgroup v2 is mounted: /sys/fs/cgroup, /sys/fs/cgroup/unified, or null for nowhere. */
export function cgroup2MountPoint(mounted: readonly Mount[]): string | null {
	const candidates = mounted.filter(({ type }) => type === "cgroup2");
	const whole = candidates.find(({ root }) => root === "/");
	return (whole ?? candidates[0])?.mountPoint ?? null;
}

/** Of cgroup v2 ids in decimal; null where there is none, or it is not known (yet). */
export interface CgroupNames {
	containerOf(cgroupId: string): string | null;
	/** The unit of systemd: "nginx.service". */
	unitOf(cgroupId: string): string | null;
}

/** Those of this machine. */
export function cgroupNames(): CgroupNames {
	const root = cgroup2MountPoint(mounts());
	if (root === null) return { containerOf: () => null, unitOf: () => null };
	const tree = new CgroupTree(root);
	const nameBy = (read: (path: string) => string | null) => (cgroupId: string) => {
		const path = tree.pathOf(cgroupId);
		return path === null ? null : read(path);
	};
	return { containerOf: nameBy(containerIdOf), unitOf: nameBy(unitOf) };
}

/** cgroup v2 id → container id, or null. */
export const containerLookup = (): CgroupNames["containerOf"] => cgroupNames().containerOf;
