import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isNamedIn } from "../../src/enrich/sysfs.ts";

const directory = mkdtempSync(join(tmpdir(), "conntracer-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** A file of types, as include/uapi/linux/btf.h has it, in which nothing but names matters. */
function typesWith(name: string, strings: string): string {
	const types = Buffer.from("\0udp_in_the_types\0");
	const header = Buffer.alloc(24);
	header.writeUInt16LE(0xeb9f, 0);
	header.writeUInt32LE(header.length, 4);
	header.writeUInt32LE(types.length, 12);
	header.writeUInt32LE(types.length, 16);
	header.writeUInt32LE(Buffer.byteLength(strings), 20);
	const path = join(directory, name);
	writeFileSync(path, Buffer.concat([header, types, Buffer.from(strings)]));
	return path;
}

describe("a name in a file of types", () => {
	const path = typesWith("types", "\0first\0in_the_middle\0last\0");
	for (const [name, isThere] of [
		["first", true],
		["in_the_middle", true],
		["last", true],
		["middle", false],
		["firs", false],
		["udp_in_the_types", false],
	] as const)
		test(`${name} is ${isThere ? "" : "not "}there`, () => {
			expect(isNamedIn(path, name)).toBe(isThere);
		});

	test("is not looked for in what is no such file", () => {
		const other = join(directory, "other");
		writeFileSync(other, `${"\0".repeat(100)}first\0`);
		expect(isNamedIn(other, "first")).toBe(false);
		writeFileSync(other, "");
		expect(isNamedIn(other, "first")).toBe(false);
	});
});
