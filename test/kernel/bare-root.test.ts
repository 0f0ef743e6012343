import { expect } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { conntracerBinary, runShell } from "../support/conntracer.ts";
import { kernelTest } from "../support/root.ts";

/** What the dynamic linker loads for the binary: libc's own libraries, if all is well. */
function librariesOf(binary: string): string[] {
	const ldd = Bun.spawnSync(["ldd", binary]).stdout.toString();
	return [...ldd.matchAll(/(?:=> )?(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
}

kernelTest("the binary runs alone in a root file system that holds only libc", async () => {
	const root = mkdtempSync(join(tmpdir(), "conntracer-root-"));
	try {
		const libraries = librariesOf(conntracerBinary());
		expect(libraries.filter((path) => /libbpf|libelf|libz/.test(path))).toEqual([]);
		for (const library of libraries) {
			mkdirSync(join(root, dirname(library)), { recursive: true });
			copyFileSync(realpathSync(library), join(root, library));
		}
		for (const directory of ["proc", "sys"]) mkdirSync(join(root, directory));
		copyFileSync(conntracerBinary(), join(root, "conntracer"));
		const mounts = `mount -t proc proc ${root}/proc && mount -t sysfs sysfs ${root}/sys`;
		const watch = `exec chroot ${root} /conntracer watch --json --summary -i 200ms -n 1`;
		const inside = `${mounts} && ${watch}`;
		const run = runShell(`chmod 755 ${root}/conntracer && unshare -m sh -c '${inside}'`);
		expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });
		const records = run.stdout
			.trimEnd()
			.split("\n")
			.map((line) => JSON.parse(line));
		expect(records[0]).toMatchObject({ type: "ready", libbpf: expect.stringContaining("bundled") });
		expect(records.at(-1)).toMatchObject({ type: "summary" });
	} finally {
		rmSync(root, { recursive: true }); // the mounts went with their namespace
	}
});
