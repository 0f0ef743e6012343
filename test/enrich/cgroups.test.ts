import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import {
	CgroupTree,
	cgroup2MountPoint,
	cgroupIdOf,
	v1Hierarchy,
} from "../../src/enrich/cgroups.ts";

const root = mkdtempSync(join(tmpdir(), "conntracer-cgroups-"));
const outside = mkdtempSync(join(tmpdir(), "conntracer-no-cgroups-"));
afterAll(() => {
	rmSync(root, { recursive: true });
	rmSync(outside, { recursive: true });
});

/** A directory stands for a cgroup: what counts is its inode number. */
function cgroup(path: string): string {
	mkdirSync(join(root, path), { recursive: true });
	return statSync(join(root, path), { bigint: true }).ino.toString();
}

class Clock {
	ms = 0;
	readonly now = (): number => this.ms;
}

const GONE = "18446744073709551615";

describe("the path of a cgroup", () => {
	test("is found by its id", () => {
		const nested = cgroup("/a.slice/b.service/deep");
		const tree = new CgroupTree(root);
		expect(tree.pathOf(nested)).toBe("/a.slice/b.service/deep");
		expect(tree.pathOf(cgroup("/a.slice"))).toBe("/a.slice");
		expect(tree.pathOf(statSync(root, { bigint: true }).ino.toString())).toBe("/");
	});

	test("is remembered after the cgroup is gone", () => {
		const id = cgroup("/passing");
		const tree = new CgroupTree(root);
		tree.pathOf(id);
		rmSync(join(root, "passing"), { recursive: true });
		expect(tree.pathOf(id)).toBe("/passing");
	});

	test("is found for a cgroup that came later, once it is time to look again", () => {
		const clock = new Clock();
		const tree = new CgroupTree(root, clock);
		tree.pathOf(GONE);
		const id = cgroup("/later");
		expect(tree.pathOf(id)).toBeNull();
		clock.ms = 250;
		expect(tree.pathOf(id)).toBe("/later");
	});

	test("is null where there is none, or no tree", () => {
		expect(new CgroupTree(root).pathOf(GONE)).toBeNull();
		expect(new CgroupTree(join(root, "nowhere")).pathOf("1")).toBeNull();
	});
});

/** Whether `look` walks the tree: only then is a cgroup known that was there just for that time. */
function walks(tree: CgroupTree, look: () => void): boolean {
	const elsewhere = mkdtempSync(join(outside, "cgroup-"));
	const id = statSync(elsewhere, { bigint: true }).ino.toString();
	const inside = join(root, basename(elsewhere));
	renameSync(elsewhere, inside);
	look();
	renameSync(inside, elsewhere);
	return tree.pathOf(id) !== null;
}

test("an id that is not there is looked for after 1, 2, 4 … 60 seconds", () => {
	const clock = new Clock();
	const tree = new CgroupTree(root, clock);
	const seconds: number[] = [];
	for (; clock.ms < 200_000; clock.ms += 500) {
		if (walks(tree, () => tree.pathOf(GONE))) seconds.push(clock.ms / 1000);
	}
	expect(seconds).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
});

test("no more paths are remembered than there is room for", () => {
	const tree = new CgroupTree(root, { capacity: 1 });
	const [first, second] = [cgroup("/one"), cgroup("/one/two")];
	const found = [first, second].map((id) => tree.pathOf(id));
	expect(found.filter((path) => path !== null).length).toBeLessThanOrEqual(1);
});

test("the id of a cgroup is its inode number, and only directories are cgroups", () => {
	const id = cgroup("/some");
	writeFileSync(join(root, "some", "cgroup.procs"), "");
	expect(cgroupIdOf(join(root, "some"))).toBe(id);
	expect(cgroupIdOf(join(root, "some", "cgroup.procs"))).toBeNull();
	expect(cgroupIdOf(join(root, "some", "cgroup.procs", "x"))).toBeNull();
	expect(cgroupIdOf(join(root, "none"))).toBeNull();
});

describe("where cgroup v2 is mounted", () => {
	const v2 = { root: "/", mountPoint: "/sys/fs/cgroup", type: "cgroup2", options: ["rw"] };
	const hybrid = { ...v2, mountPoint: "/sys/fs/cgroup/unified" };
	const part = { root: "/a.slice", mountPoint: "/mnt/part", type: "cgroup2", options: ["rw"] };
	const v1 = {
		root: "/",
		mountPoint: "/sys/fs/cgroup/memory",
		type: "cgroup",
		options: ["rw", "memory"],
	};
	for (const [name, mounted, expected] of [
		["alone", [v2], "/sys/fs/cgroup"],
		["beside v1", [v1, hybrid], "/sys/fs/cgroup/unified"],
		["whole before part", [part, v2], "/sys/fs/cgroup"],
		["part only", [part], "/mnt/part"],
		["v1 only", [v1], null],
		["nowhere", [], null],
	] as const) {
		test(name, () => expect(cgroup2MountPoint(mounted)).toBe(expected));
	}
});

describe("the hierarchy of cgroup v1 that tells containers apart", () => {
	const v1 = (controllers: string, root = "/") => ({
		...{ root, mountPoint: `/sys/fs/cgroup/${controllers}${root}`, type: "cgroup" },
		options: ["rw", ...controllers.split(",")],
	});
	const v2 = { root: "/", mountPoint: "/sys/fs/cgroup", type: "cgroup2", options: ["rw"] };
	for (const [name, mounted, expected] of [
		["is that of memory", [v2, v1("pids"), v1("memory")], "memory"],
		["is that of another controller", [v1("cpu,cpuacct"), v1("blkio")], "cpu"],
		["is none with a name only", [v1("name=systemd")], undefined],
		["is none of v2", [v2], undefined],
	] as const)
		test(name, () => expect(v1Hierarchy(mounted)?.controller).toBe(expected));

	test("is looked at as a whole, if it can be", () =>
		expect(v1Hierarchy([v1("memory", "/part"), v1("memory")])?.mountPoint).toBe(
			"/sys/fs/cgroup/memory/",
		));
});
