import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../..");

interface Row {
	readonly seedCase: string;
	readonly file: string;
	readonly name: string;
	readonly remark: string;
}

function rows(): Row[] {
	const lines = readFileSync(`${ROOT}/docs/seed-cases.md`, "utf8").split("\n");
	const cells = lines
		.filter((line) => line.startsWith("| ") && !/^\| (case|---) /.test(line))
		.map((line) => line.split("|").map((cell) => cell.trim()));
	return cells.map(([, seedCase = "", file = "", name = "", remark = ""]) => {
		return { seedCase, file, name, remark };
	});
}

/** As the first argument of a test, or the label of a case in a table. */
function hasTest(source: string, name: string): boolean {
	return ['"', "`"].some((quote) => source.includes(`${quote}${name}${quote}`));
}

const ROWS = rows();

test("the table has the cases of five suites", () => {
	expect(ROWS.length).toBeGreaterThan(80);
	expect(ROWS.filter(({ seedCase }) => seedCase === "")).toEqual([]);
});

describe("a case", () => {
	for (const { seedCase, file, name, remark } of ROWS) {
		if (/^(pending|none):/.test(file))
			test(`without a test says why: ${seedCase}`, () => {
				const reason = file.replace(/^(pending|none):/, "") + remark;
				expect({ name, isGiven: reason.trim() !== "" }).toEqual({ name: "", isGiven: true });
			});
		else
			test(`has its test: ${seedCase}`, () => {
				expect(existsSync(`${ROOT}/${file}`)).toBe(true);
				expect(hasTest(readFileSync(`${ROOT}/${file}`, "utf8"), name)).toBe(true);
			});
	}
});
