/** The tests of many files, each in the next guest that is free. */

import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { say } from "../../packaging/shell.ts";
import { runGuest, SHARE, shareOf } from "./guest.ts";
import type { Family } from "./kernels.ts";
import type { Machine } from "./machine.ts";
import type { PreparedKernel } from "./prepare.ts";
import { type FileResult, readResult } from "./results.ts";

const ROOT = resolve(import.meta.dir, "../..");
/** How much longer all may take than on a machine: an emulated one is slow, and slower when it is not alone. */
const TIME_FACTOR = 5;
const LOAD_DIVISOR = 10;
const BUN_TIMEOUT_MS = 5000;
/** Of one file, the boot of its guest included. */
const FILE_MS = 600_000;
const LOOK_EVERY_MS = 200;

/** Where tests run. */
export interface Place {
	readonly kernel: PreparedKernel;
	readonly machine: Machine;
	readonly family: Family;
}

export interface MatrixJob extends Place {
	readonly files: readonly string[];
	/** That run at the same time. */
	readonly guests: number;
	/** Called with the results of a file when it is done. */
	readonly onResult: (result: FileResult) => void;
}

/**
 * Takes the names of files from N.file in the share, one after the other, and leaves their output
 * in N.log and the exit code in N.status. An empty name is the end.
 */
function jobScript({ family, machine }: MatrixJob): string {
	const environment = {
		PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		HOME: "/root",
		NO_COLOR: "1",
		TEST_TIME_FACTOR: `${TIME_FACTOR}`,
		TEST_LOAD_DIVISOR: `${LOAD_DIVISOR}`,
		TEST_IN_GUEST: "1",
		CONNTRACER_HOOKS: family,
	};
	const test = `'${machine.bun}' test --timeout ${BUN_TIMEOUT_MS * TIME_FACTOR}`;
	return `${Object.entries(environment)
		.map(([name, value]) => `export ${name}='${value}'`)
		.join("\n")}
${machine.prelude}
cd '${ROOT}'
output=${SHARE}/0
while :; do
	until [ -e $output.file ]; do sleep 0.1; done
	read -r file <$output.file
	if [ -z "$file" ]; then break; fi
	${test} "./$file" >$output.log 2>&1
	echo $? >$output.new
	mv $output.new $output.status
	output=${SHARE}/$((\${output##*/} + 1))
done`;
}

/** One guest, from its boot to the end of the queue or its own. */
class Worker {
	readonly #job: MatrixJob;
	readonly #queue: string[];
	readonly #scratch = mkdtempSync(join(tmpdir(), "conntracer-vm-"));
	readonly #overdue = new AbortController();
	#file: string | null = null;
	#turn = -1;
	#since = 0;

	constructor(job: MatrixJob, queue: string[]) {
		this.#job = job;
		this.#queue = queue;
	}

	#path(what: string): string {
		return join(shareOf(this.#scratch), `${this.#turn}.${what}`);
	}

	#tell(file: string | null): void {
		this.#file = file;
		this.#turn++;
		this.#since = Date.now();
		const path = this.#path("file");
		writeFileSync(`${path}.new`, `${file ?? ""}\n`);
		renameSync(`${path}.new`, path);
	}

	#look(): void {
		if (this.#file === null) return;
		if (existsSync(this.#path("status"))) {
			const exitCode = Number(readFileSync(this.#path("status"), "utf8"));
			const log = readFileSync(this.#path("log"), "utf8");
			this.#job.onResult(readResult(this.#file, log, exitCode, this.#job.kernel.release));
			this.#tell(this.#queue.shift() ?? null);
		} else if (Date.now() - this.#since > FILE_MS) this.#overdue.abort();
	}

	/** The file that it died of, and what it said; null where it did not. */
	async run(first: string): Promise<{ file: string | null; said: string } | null> {
		mkdirSync(shareOf(this.#scratch));
		this.#tell(first);
		const timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
		try {
			const { kernel, machine } = this.#job;
			const said = await runGuest(kernel, {
				script: jobScript(this.#job),
				files: machine.files,
				scratch: this.#scratch,
				signal: this.#overdue.signal,
			});
			this.#look();
			return said === null ? null : { file: this.#file, said };
		} finally {
			clearInterval(timer);
			rmSync(this.#scratch, { recursive: true });
		}
	}
}

/** A guest that dies is started again, once, with what it had not done. A test that fails is not. */
async function work(job: MatrixJob, queue: string[]): Promise<void> {
	let hasDied = false;
	for (let file = queue.shift(); file !== undefined; ) {
		const death = await new Worker(job, queue).run(file);
		if (death === null) return;
		const what = `the guest died in ${death.file ?? "its end"}:\n${death.said}`;
		say(`${job.kernel.name}: ${what}`);
		if (hasDied && death.file !== null)
			job.onResult(readResult(death.file, what, 1, job.kernel.release));
		file = hasDied || death.file === null ? queue.shift() : death.file;
		hasDied = !hasDied;
	}
}

/** All files are done, or have failed with their guest, when this returns. */
export async function runFiles(job: MatrixJob): Promise<void> {
	const queue = [...job.files];
	const count = Math.min(job.guests, queue.length);
	await Promise.all(Array.from({ length: count }, () => work(job, queue)));
}
