import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { Scratch } from "./service.ts";

/** Two files of one run, with three tests each that fail the first time, and pass the second. */
function runWith(chances: number): { passed: number; failed: number; again: string[] } {
	using scratch = new Scratch();
	const file = `
		import { test } from "bun:test";
		import { withSecondChance } from "${import.meta.dir}/second-chance.ts";
		for (const name of ["a", "b", "c"]) {
			let runs = 0;
			test(name, withSecondChance(name, async () => {
				if (++runs === 1) throw new Error("the first time\\nand more");
			}));
		}`;
	for (const name of ["one", "two"]) writeFileSync(scratch.in(`${name}.test.ts`), file);
	const { stderr } = Bun.spawnSync([process.execPath, "test"], {
		...{ cwd: scratch.path, stdout: "ignore", stderr: "pipe" },
		env: { ...process.env, NO_COLOR: "1", TEST_SECOND_CHANCES_LEFT: `${chances}` },
	});
	const said = stderr.toString();
	const count = (word: string): number =>
		Number(new RegExp(`^ *(\\d+) ${word}$`, "m").exec(said)?.[1]);
	const again = said.split("\n").filter((line) => line.startsWith("run again: "));
	return { passed: count("pass"), failed: count("fail"), again };
}

describe("of six tests that fail the first time", () => {
	test("three pass the second time where the kernel hides process 1, and that is said", () => {
		expect(runWith(3)).toEqual({
			...{ passed: 3, failed: 3 },
			again: ["a", "b", "c"].map((name) => `run again: ${name}: Error: the first time`),
		});
	});

	test("none has a second time where it does not", () => {
		expect(runWith(0)).toEqual({ passed: 0, failed: 6, again: [] });
	});
});
