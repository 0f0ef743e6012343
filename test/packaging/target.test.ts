import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { RUNTIME_VERSIONS } from "../../packaging/runtimes.ts";
import { TARGETS, targetNamed } from "../../packaging/target.ts";

const LOCK = resolve(import.meta.dir, "../../packaging/runtimes/bun.lock");

test("a target is named by its architecture, and by its libc where that is not glibc", () => {
	const names = TARGETS.map(({ cpu, libc }) => `linux-${cpu}${libc === "musl" ? "-musl" : ""}`);
	expect<string[]>(TARGETS.map(({ name }) => name)).toEqual(names);
	expect(new Set(names).size).toBe(4);
});

test("a target that there is not is refused by those that there are", () => {
	expect(() => targetNamed("linux-riscv64")).toThrow(
		"linux-riscv64: must be of linux-x64, linux-arm64, linux-x64-musl, linux-arm64-musl",
	);
});

test("Bun is the same version for every target as for the project, by checksum", () => {
	const [, version] = manifest.packageManager.split("@");
	const lock = readFileSync(join(LOCK), "utf8");
	for (const { runtime } of TARGETS) {
		expect(RUNTIME_VERSIONS[runtime]).toBe(version);
		const line = lock.split("\n").find((text) => text.includes(`["${runtime}@${version}"`));
		expect(line).toMatch(/"sha512-[A-Za-z0-9+/]{86}=="\]/);
	}
});
