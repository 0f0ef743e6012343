/** A second run for tests that fail where the kernel hides events from every tracer. */

import { hidesProcess1 } from "./switches.ts";

/** In one run of all tests. Where more of them fail, the kernel is not why. `./dev` prints it, too. */
const MOST = 3;

/** How many are left. The files of a run share no modules, but they share the environment. */
const LEFT = "TEST_SECOND_CHANCES_LEFT";

/** Found out once, when the first test fails. */
async function chancesHere(): Promise<number> {
	try {
		return (await hidesProcess1()) ? MOST : 0;
	} catch (error) {
		process.stderr.write(`no second chance: ${String(error).split("\n")[0]}\n`);
		return 0;
	}
}

async function takeOne(): Promise<boolean> {
	process.env[LEFT] ??= `${await chancesHere()}`;
	const left = Number(process.env[LEFT]);
	process.env[LEFT] = `${Math.max(left - 1, 0)}`;
	return left > 0;
}

/**
 * Where an interrupt hits process 1 on a kernel that hides it (`hidesProcess1`), what the interrupt
 * brings is seen by no tracer. Only there a test that has failed is run once more, and that is said.
 */
export function withSecondChance(name: string, body: () => Promise<void>): () => Promise<void> {
	return async () => {
		try {
			await body();
		} catch (error) {
			if (!(await takeOne())) throw error;
			const [line = ""] = String(error).split("\n");
			// The line is repeated at the end of the run; all of the error stands here only.
			process.stderr.write(`run again: ${name}: ${line}\n${Bun.inspect(error)}\n`);
			await body();
		}
	};
}
