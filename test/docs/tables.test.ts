/** docs/tables.md names every map of the kernel side, and each bound as the sources have it. */

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
const PAGE = readFileSync(join(ROOT, "docs/tables.md"), "utf8");
const ROWS = PAGE.split("\n").filter((line) => line.startsWith("| "));

function maps(): string[] {
	const names = readdirSync(join(ROOT, "bpf")).flatMap((file) => {
		const source = readFileSync(join(ROOT, "bpf", file), "utf8");
		return Array.from(source.matchAll(/^} (\w+) SEC\("\.maps"\);/gm), ([, name = ""]) => name);
	});
	return [...new Set(names)].sort();
}

/** In backticks, in the first cell of a row. */
const inFirstCells = new Set(
	ROWS.flatMap((row) =>
		Array.from((row.split("|")[1] ?? "").matchAll(/`(\w+)`/g), ([, name]) => name),
	),
);

test.each(maps())("the map %s is in the table", (name) => {
	expect([...inFirstCells]).toContain(name);
});

/** `NAME` = 16,384 or 16 MiB, of each file that the row names. */
function bounds(): [file: string, name: string, value: number][] {
	return ROWS.flatMap((row) => {
		const files = Array.from(row.matchAll(/`(src\/[\w/.-]+)`/g), ([, file = ""]) => file);
		const found = Array.from(row.matchAll(/`([A-Z_]+)` = ([\d,]+)( MiB)?/g));
		return files.flatMap((file) =>
			found.map(([, name = "", digits = "", mega]): [string, string, number] => [
				file,
				name,
				Number(digits.replaceAll(",", "")) * (mega === undefined ? 1 : 2 ** 20),
			]),
		);
	});
}

describe("a bound is as the page says it:", () => {
	test.each(bounds())("%s %s", (file, name, value) => {
		const source = readFileSync(join(ROOT, file), "utf8");
		const text = new RegExp(`const ${name} = ([^;]+);`).exec(source)?.[1] ?? "";
		const factors = text
			.replaceAll("_", "")
			.replace("2 ** 20", String(2 ** 20))
			.split(" * ");
		expect(factors.reduce((product, factor) => product * Number(factor), 1)).toBe(value);
	});
});
