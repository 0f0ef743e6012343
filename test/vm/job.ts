/** The tests of many files, run one after the other in a guest. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runGuest, SHARE, shareOf } from "./guest.ts";
import type { Family } from "./kernels.ts";
import type { PreparedKernel } from "./prepare.ts";
import { type FileResult, readResult } from "./results.ts";
import { say } from "./shell.ts";

const ROOT = resolve(import.meta.dir, "../..");
/** How much longer all may take than on a machine: an emulated one is slow, and slower when it is not alone. */
const TIME_FACTOR = 10;
const LOAD_DIVISOR = 10;
const BUN_TIMEOUT_MS = 5000;
const BOOT_MS = 120_000;
const FILE_MS = 300_000;
const LOOK_EVERY_MS = 500;

/** Called with the results of a file when it is done. */
type OnResult = (result: FileResult) => void;

/** Standard output and exit code of each go to files of the share. */
function jobScript(files: readonly string[], family: Family): string {
	const environment = {
		PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		HOME: "/root",
		NO_COLOR: "1",
		TEST_TIME_FACTOR: `${TIME_FACTOR}`,
		TEST_LOAD_DIVISOR: `${LOAD_DIVISOR}`,
		TEST_IN_GUEST: "1",
		CONNTRACER_HOOKS: family,
	};
	const test = `'${process.execPath}' test --timeout ${BUN_TIMEOUT_MS * TIME_FACTOR}`;
	return [
		...Object.entries(environment).map(([name, value]) => `export ${name}='${value}'`),
		`cd '${ROOT}'`,
		...files.map((file, index) => {
			const output = `${SHARE}/${index}`;
			return `${test} './${file}' >${output}.log 2>&1; echo $? >${output}.new; mv ${output}.new ${output}.status`;
		}),
	].join("\n");
}

/** Of the files that are done, which are the first ones. */
class Results {
	readonly #share: string;
	readonly #files: readonly string[];
	readonly #onResult: OnResult;
	#count = 0;

	constructor(share: string, files: readonly string[], onResult: OnResult) {
		this.#share = share;
		this.#files = files;
		this.#onResult = onResult;
	}

	get remaining(): readonly string[] {
		return this.#files.slice(this.#count);
	}

	look(): void {
		for (const file of this.remaining) {
			const output = join(this.#share, `${this.#count}`);
			if (!existsSync(`${output}.status`)) return;
			const exitCode = Number(readFileSync(`${output}.status`, "utf8"));
			this.#onResult(readResult(file, readFileSync(`${output}.log`, "utf8"), exitCode));
			this.#count++;
		}
	}
}

interface Attempt {
	/** Files that were not done. */
	readonly remaining: readonly string[];
	/** Null where the guest came to its end. */
	readonly death: string | null;
}

async function attempt(
	kernel: PreparedKernel,
	family: Family,
	files: readonly string[],
	onResult: OnResult,
): Promise<Attempt> {
	const scratch = mkdtempSync(join(tmpdir(), "conntracer-vm-"));
	const results = new Results(shareOf(scratch), files, onResult);
	const timer = setInterval(() => results.look(), LOOK_EVERY_MS);
	try {
		const script = jobScript(files, family);
		const timeoutMs = BOOT_MS + files.length * FILE_MS;
		const death = await runGuest(kernel, { script, scratch, timeoutMs });
		results.look();
		return { remaining: results.remaining, death };
	} finally {
		clearInterval(timer);
		rmSync(scratch, { recursive: true });
	}
}

/** A guest that dies is started again, once, with what it had not done. A test that fails is not. */
export async function runFiles(
	kernel: PreparedKernel,
	family: Family,
	files: readonly string[],
	onResult: OnResult,
): Promise<void> {
	const first = await attempt(kernel, family, files, onResult);
	if (first.death === null) return;
	say(`${kernel.name}: the guest died in ${first.remaining[0] ?? "its end"}:\n${first.death}`);
	if (first.remaining.length === 0) return;
	const second = await attempt(kernel, family, first.remaining, onResult);
	for (const file of second.remaining)
		onResult(readResult(file, `the guest has died twice:\n${second.death}`, 1));
}
