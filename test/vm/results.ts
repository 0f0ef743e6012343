/** What came of the tests of one file. */

export interface FileResult {
	/** From the root of the project. */
	readonly file: string;
	readonly passed: number;
	readonly failed: number;
	readonly skipped: number;
	/** All that bun said. */
	readonly log: string;
}

export interface Counts {
	readonly passed: number;
	readonly failed: number;
	readonly skipped: number;
}

/** The last such line of bun's summary. */
function countOf(log: string, word: string): number {
	const lines = [...log.matchAll(new RegExp(`^ *(\\d+) ${word}$`, "gm"))];
	return Number(lines.at(-1)?.[1] ?? 0);
}

/** A run that broke off, or that ran nothing, has failed. */
export function readResult(file: string, log: string, exitCode: number): FileResult {
	const passed = countOf(log, "pass");
	const failed = countOf(log, "fail");
	const skipped = countOf(log, "skip") + countOf(log, "todo");
	const isBroken = failed === 0 && (exitCode !== 0 || passed + skipped === 0);
	return { file, passed, failed: isBroken ? 1 : failed, skipped, log };
}

export function addUp(results: readonly Counts[]): Counts {
	const sum = { passed: 0, failed: 0, skipped: 0 };
	for (const { passed, failed, skipped } of results) {
		sum.passed += passed;
		sum.failed += failed;
		sum.skipped += skipped;
	}
	return sum;
}

export function summaryLine({ passed, failed, skipped }: Counts): string {
	return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
