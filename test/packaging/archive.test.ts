import { afterAll, beforeAll, expect, test } from "bun:test";
import {
	chmodSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	statSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack, writeChecksums } from "../../packaging/archive.ts";
import { run } from "../../packaging/shell.ts";

let directory = "";

beforeAll(() => {
	directory = mkdtempSync(join(tmpdir(), "conntracer-archive-"));
	const folder = join(directory, "thing-1-linux-x64");
	mkdirSync(folder);
	writeFileSync(join(folder, "thing"), "#!/bin/sh\necho it runs\n");
	chmodSync(join(folder, "thing"), 0o755);
});

afterAll(() => rmSync(directory, { recursive: true }));

test("an archive unpacks to a folder of its name, and what was executable is", () => {
	pack(join(directory, "thing-1-linux-x64"), join(directory, "thing.tar.gz"));
	const elsewhere = join(directory, "elsewhere");
	mkdirSync(elsewhere);
	run(["tar", "-xzf", join(directory, "thing.tar.gz")], { cwd: elsewhere });
	expect(run([join(elsewhere, "thing-1-linux-x64/thing")])).toBe("it runs\n");
});

test("the same files make the same archive, whenever they were written", () => {
	const folder = join(directory, "thing-1-linux-x64");
	const first = join(directory, "first.tar.gz");
	const second = join(directory, "second.tar.gz");
	pack(folder, first);
	utimesSync(join(folder, "thing"), 1_000_000, 1_000_000);
	pack(folder, second);
	expect(statSync(first).size).toBeGreaterThan(100);
	expect(readFileSync(second).equals(readFileSync(first))).toBe(true);
});

test("checksums are those that sha256sum finds, and it finds what has changed", () => {
	const names = ["b", "a"];
	for (const name of names) writeFileSync(join(directory, name), `this is ${name}`);
	writeChecksums(directory, names);
	const check = ["sha256sum", "--check", "--strict", "SHA256SUMS"];
	expect(run(check, { cwd: directory })).toBe("a: OK\nb: OK\n");
	writeFileSync(join(directory, "b"), "this is something else");
	expect(() => run(check, { cwd: directory })).toThrow("b: FAILED");
});
