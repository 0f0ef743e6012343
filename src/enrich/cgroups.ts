/** Names for ids of cgroups: the path of a cgroup, and the container that a path belongs to. */

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ContainerOf } from "../flow/records.ts";
import { containerIdOf, unitOf } from "./cgroup-paths.ts";
import { type Mount, mounts } from "./procfs.ts";

export interface CgroupTreeOptions {
	/** Milliseconds of a clock that never goes back. */
	readonly now?: () => number;
	/** The most paths that are remembered, and the most ids known to have none. */
	readonly capacity?: number;
	/** The id of the cgroup of a directory; null where there is none. */
	readonly idOf?: (directory: string) => string | null;
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
	readonly #idOf: (directory: string) => string | null;
	readonly #paths = new Map<string, string>();
	readonly #absent = new Map<string, Absence>();
	#nextWalk = Number.NEGATIVE_INFINITY;

	/** @param root where the file system is mounted */
	constructor(
		root: string,
		{ now = () => performance.now(), capacity = 65_536, idOf = cgroupIdOf }: CgroupTreeOptions = {},
	) {
		this.#root = root;
		this.#now = now;
		this.#capacity = capacity;
		this.#idOf = idOf;
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
		const id = this.#idOf(directory);
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

/** As the kernel side has them, which keeps the low half. */
function v1IdOf(directory: string): string | null {
	const id = cgroupIdOf(directory);
	return id === null ? null : String(BigInt.asUintN(32, BigInt(id)));
}

/** Runtimes make a cgroup for each container with all controllers; the first ones most surely. */
const V1_CONTROLLERS = [
	...(["memory", "pids", "cpu", "devices"] as const),
	...(["freezer", "cpuset", "blkio"] as const),
];

export type V1Controller = (typeof V1_CONTROLLERS)[number];

export interface V1Hierarchy {
	readonly controller: V1Controller;
	readonly mountPoint: string;
}

/** The hierarchy of cgroup v1 that tells containers apart; null where none is mounted. */
export function v1Hierarchy(mounted: readonly Mount[]): V1Hierarchy | null {
	for (const controller of V1_CONTROLLERS) {
		const all = mounted.filter(
			({ type, options }) => type === "cgroup" && options.includes(controller),
		);
		const { mountPoint } = all.find(({ root }) => root === "/") ?? all[0] ?? {};
		if (mountPoint !== undefined) return { controller, mountPoint };
	}
	return null;
}

/** Null where there is none, or it is not known (yet). */
export interface CgroupNames {
	readonly containerOf: ContainerOf;
	/** The unit of systemd, "nginx.service", by a cgroup v2 id in decimal. */
	unitOf(cgroupId: string): string | null;
}

/** Those of this machine. */
export function cgroupNames(): CgroupNames {
	const mounted = mounts();
	const root = cgroup2MountPoint(mounted);
	const v1 = v1Hierarchy(mounted);
	const tree = root === null ? null : new CgroupTree(root);
	const v1Tree = v1 === null ? null : new CgroupTree(v1.mountPoint, { idOf: v1IdOf });
	const named = (path: string | null | undefined, read: (path: string) => string | null) =>
		path == null ? null : read(path);
	return {
		containerOf: (cgroupId, cgroupV1 = 0) =>
			named(tree?.pathOf(cgroupId), containerIdOf) ??
			(cgroupV1 === 0 ? null : named(v1Tree?.pathOf(String(cgroupV1)), containerIdOf)),
		unitOf: (cgroupId) => named(tree?.pathOf(cgroupId), unitOf),
	};
}

/** Id of a cgroup → container id, or null. */
export const containerLookup = (): CgroupNames["containerOf"] => cgroupNames().containerOf;
