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

/** As test/support/root.ts says it. */
const REASON = /^kernel tests are skipped: .* needs Linux (\d+)\.(\d+)$/gm;

/** Whether something is said to be newer than the kernel, and nothing else is a reason to skip. */
function maySkip(log: string, release: string): boolean {
	const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
	const reasons = [...log.matchAll(REASON)];
	return (
		reasons.length > 0 &&
		reasons.every(([, first, second]) => {
			return Number(first) > major || (Number(first) === major && Number(second) > minor);
		})
	);
}

/**
 * A run that broke off, or that ran nothing, has failed; and what was skipped has, where the kernel
 * is no older than what it was skipped for.
 * @param release of the kernel that it ran on
 */
export function readResult(
	file: string,
	log: string,
	exitCode: number,
	release: string,
): FileResult {
	const passed = countOf(log, "pass");
	const left = countOf(log, "skip") + countOf(log, "todo");
	const skipped = maySkip(log, release) ? left : 0;
	const failed = countOf(log, "fail") + (left - skipped);
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
